"use strict";
// Tables sort by a button in each column's heading; without this script they are read as they are.

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
}

function compare(a, b, sign) {
  if (typeof a === "number" && typeof b === "number") {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return sign * (a - b);
  }
  return sign * String(a).localeCompare(String(b), "en", { numeric: true });
}

function sort(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const ascending = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const sign = ascending ? 1 : -1;
  rows.sort((a, b) => compare(key(a, column), key(b, column), sign));
  body.append(...rows);
}

for (const table of document.querySelectorAll("table")) {
  if (table.tBodies[0].rows.length < 2) continue;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, column));
    head.append(button);
  });
}

// A box that scrolls sideways says so, and fades at its right, while there is more.
for (const box of document.querySelectorAll(".scroll")) {
  const fade = () => {
    const beyond = box.scrollWidth - box.clientWidth;
    box.classList.toggle("wide", beyond > 2);
    box.classList.toggle("more", beyond - box.scrollLeft > 2);
  };
  box.addEventListener("scroll", fade, { passive: true });
  new ResizeObserver(fade).observe(box);
}

// The embedding: a canvas in place of the flat drawing, turned by dragging or by the arrow keys.

const HINT =
  "Drag or use the arrow keys to turn, + and − to zoom, 0 to turn back, N and P to go through the " +
  "pictures, Escape to let go.";
const START = { yaw: 0.6, pitch: 0.35, zoom: 1 };
const AXES = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
const EYE = 3.4; // its distance from the middle, where the farthest points lie at 1

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function decode(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 2 }, (_, n) => view.getInt16(2 * n, true) / 32767);
}

// Where a point lies on the canvas: right of and below its middle, and towards the eye.
function turned(view, x, y, z) {
  const [sy, cy, sp, cp] = [view.yaw, view.pitch].flatMap((a) => [Math.sin(a), Math.cos(a)]);
  const across = cy * x + sy * z;
  const depth = cy * z - sy * x;
  const up = cp * y - sp * depth;
  const near = sp * y + cp * depth;
  const scale = (view.zoom * EYE) / Math.max(0.4, EYE - near);
  return [across * scale, -up * scale, near];
}

// The colour of a class, the same as that of its swatch in the legend (`hue` of render.py).
function colour(label, light) {
  const pure = [80, 58, 38][Math.floor(label / 4) % 3];
  const tone = ((label * 3) % 4) * 8 - 13;
  return `hsl(${Math.round((label * 137.508) % 360)} ${pure}% ${light + tone}%)`;
}

function colours(facts, canvas) {
  const light = parseFloat(getComputedStyle(canvas).getPropertyValue("--ink"));
  return new Map([...new Set(facts.labels)].map((label) => [label, colour(label, light)]));
}

function mark(pen, x, y, radius, seen) {
  pen.beginPath();
  if (seen) pen.arc(x, y, radius, 0, 2 * Math.PI);
  else {
    const reach = radius * 1.35;
    pen.moveTo(x - reach, y);
    for (const [dx, dy] of [[0, -reach], [reach, 0], [0, reach]]) pen.lineTo(x + dx, y + dy);
    pen.closePath();
  }
}

function embedding(box, legend) {
  const facts = JSON.parse(box.dataset.facts);
  const number = facts.ids.length;
  const models = parted(decode(box.dataset.points), facts.views, 3 * number);
  const view = { ...START, model: models[0], time: models[0].last, picked: -1, label: null };
  const placed = new Float32Array(3 * number);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const canvas = make("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `The embedding in three dimensions. ${HINT}`);
  const image = make("img", { alt: "" });
  const words = make("p", {});
  const card = make("div", { className: "card", hidden: true }, image, words);
  card.setAttribute("aria-live", "polite");
  const pen = canvas.getContext("2d");
  let ink = new Map();
  let asked = 0;

  // Where a point is drawn, and how near it is.
  function locate(x, y, z) {
    const half = (0.9 * Math.min(canvas.clientWidth, canvas.clientHeight)) / 2;
    const [across, down, near] = turned(view, x, y, z);
    return [canvas.clientWidth / 2 + across * half, canvas.clientHeight / 2 + down * half, near];
  }

  function place() {
    const before = Math.floor(view.time);
    const share = view.time - before;
    const { points, last } = view.model;
    const [a, b] = [before, Math.min(before + 1, last)].map((epoch) => 3 * number * epoch);
    for (let n = 0; n < 3 * number; n += 3) {
      const at = [0, 1, 2].map((d) => points[a + n + d] * (1 - share) + points[b + n + d] * share);
      placed.set(locate(...at), n);
    }
  }

  function drawAxes(style) {
    pen.strokeStyle = style.getPropertyValue("--edge");
    pen.fillStyle = style.getPropertyValue("--soft");
    pen.font = "12px system-ui, sans-serif";
    AXES.forEach((axis, n) => {
      const [[x1, y1], [x2, y2]] = [-1, 1].map((sign) => locate(...axis.map((v) => v * sign)));
      pen.beginPath();
      pen.moveTo(x1, y1);
      pen.lineTo(x2, y2);
      pen.stroke();
      pen.fillText(String(n + 1), x2 + 4, y2 - 4);
    });
  }

  function drawPoints(style) {
    const size = number > 1500 ? 2.6 : number > 500 ? 3.6 : 5;
    const label = view.picked >= 0 ? facts.labels[view.picked] : view.label;
    const order = [...Array(number).keys()].sort((a, b) => placed[3 * a + 2] - placed[3 * b + 2]);
    pen.lineWidth = 0.8;
    for (const n of order) {
      const near = placed[3 * n + 2];
      const faded = label !== null && facts.labels[n] !== label;
      pen.globalAlpha = faded ? 0.13 : 0.62 + 0.19 * (near + 1);
      pen.fillStyle = faded ? style.getPropertyValue("--rest") : ink.get(facts.labels[n]);
      pen.strokeStyle = style.getPropertyValue("--ground");
      const radius = ((size * EYE) / (EYE - near)) * (n === view.picked ? 1.7 : 1);
      mark(pen, placed[3 * n], placed[3 * n + 1], radius, facts.seen[n]);
      pen.fill();
      if (n === view.picked) {
        pen.strokeStyle = style.getPropertyValue("--text");
        pen.lineWidth = 2;
      }
      if (!faded) pen.stroke();
      pen.lineWidth = 0.8;
    }
    pen.globalAlpha = 1;
  }

  function draw() {
    asked = 0;
    const density = devicePixelRatio || 1;
    const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = wide * density;
    canvas.height = high * density;
    pen.setTransform(density, 0, 0, density, 0, 0);
    ink = colours(facts, canvas);
    const style = getComputedStyle(canvas);
    place();
    drawAxes(style);
    drawPoints(style);
    if (view.picked >= 0) putCard(placed[3 * view.picked], placed[3 * view.picked + 1]);
  }

  function redraw() {
    asked ||= requestAnimationFrame(draw);
  }

  // Next to the point, on the side where there is room.
  function putCard(x, y) {
    const left = x > canvas.clientWidth / 2 ? x - card.offsetWidth - 14 : x + 14;
    const room = canvas.clientWidth - card.offsetWidth;
    card.style.left = `${Math.max(0, Math.min(left, room))}px`;
    const low = canvas.clientHeight - card.offsetHeight;
    card.style.top = `${Math.max(0, Math.min(y - card.offsetHeight / 2, low))}px`;
  }

  function pick(n) {
    if (n === view.picked) return;
    view.picked = n;
    card.hidden = n < 0;
    if (n >= 0) {
      image.hidden = !facts.jpegs[n];
      if (facts.jpegs[n]) image.src = `data:image/jpeg;base64,${facts.jpegs[n]}`;
      const id = facts.seen[n] ? facts.ids[n] : `${facts.ids[n]}, unseen ${facts.called}`;
      words.replaceChildren(make("strong", { textContent: facts.names[n] }), make("br"), id);
    }
    redraw();
  }

  // The point under the pointer: of those within reach the nearest, in front rather than behind.
  function under(event) {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const reach = event.pointerType === "touch" ? 22 : 11;
    let [found, best] = [-1, reach];
    for (let n = 0; n < number; n += 1) {
      const away = Math.hypot(placed[3 * n] - x, placed[3 * n + 1] - y);
      const cost = away - 4 * placed[3 * n + 2];
      if (away < reach && cost < best) [found, best] = [n, cost];
    }
    return found;
  }

  function turn(across, down) {
    view.yaw += across;
    view.pitch = Math.max(-1.5, Math.min(1.5, view.pitch + down));
    redraw();
  }

  function zoom(factor) {
    view.zoom = Math.max(0.5, Math.min(8, view.zoom * factor));
    redraw();
  }

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: 0 };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) {
      pick(under(event));
      return;
    }
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag = { x: event.clientX, y: event.clientY, moved: drag.moved + Math.hypot(dx, dy) };
    if (drag.moved > 4) {
      pick(-1);
      turn(dx / 150, dy / 150);
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && drag.moved <= 4) pick(under(event));
    drag = null;
  });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("pointerleave", (event) => {
    if (!drag && event.pointerType === "mouse") pick(-1);
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // else the page scrolls; a pinch comes as a wheel with Ctrl
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 200));
  }, { passive: false });

  const step = (by) => pick((view.picked + (view.picked < 0 && by < 0 ? 0 : by) + number) % number);
  const keys = {
    ArrowLeft: () => turn(-0.12, 0),
    ArrowRight: () => turn(0.12, 0),
    ArrowUp: () => turn(0, -0.12),
    ArrowDown: () => turn(0, 0.12),
    "+": () => zoom(1.2),
    "=": () => zoom(1.2),
    "-": () => zoom(1 / 1.2),
    0: () => { Object.assign(view, START); redraw(); },
    n: () => step(1),
    p: () => step(-1),
    Escape: () => pick(-1),
  };
  canvas.addEventListener("keydown", (event) => {
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  const hint = make("p", { className: "soft hint", textContent: HINT });
  const stage = make("div", { className: "stage" }, canvas, card);
  const times = make("div", {});
  const choose = (model) => {
    Object.assign(view, { model, time: model.last });
    times.replaceChildren(...(model.last ? [epochs(model.epochs, view, redraw, still)] : []));
    redraw();
  };
  box.replaceChildren(...(models[1] ? [choice(models, choose)] : []), stage, times, hint);
  choose(models[0]);
  const items = [...legend.querySelectorAll("[data-label]")];
  const buttons = items.map((item) => make("button", { type: "button" }, ...item.childNodes));
  press(buttons, null);
  buttons.forEach((button, n) => {
    button.addEventListener("click", () => {
      const chosen = button.getAttribute("aria-pressed") !== "true";
      press(buttons, chosen ? button : null);
      view.label = chosen ? Number(items[n].dataset.label) : null;
      redraw();
    });
    items[n].append(button);
  });
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  redraw();
}

// Each model's own points, of all that are laid one after the other.
function parted(points, views, each) {
  let start = 0;
  return views.map(({ name, epochs }) => {
    const own = points.subarray(start, start += each * epochs.length);
    return { name, epochs, points: own, last: epochs.length - 1 };
  });
}

// One of the buttons is down, or none.
function press(buttons, chosen) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
}

// A button for each model, of which one is down.
function choice(models, choose) {
  const buttons = models.map((model) => {
    const button = make("button", { type: "button", textContent: model.name });
    button.addEventListener("click", () => {
      press(buttons, button);
      choose(model);
    });
    return button;
  });
  press(buttons, buttons[0]);
  const row = make("div", { className: "choice" }, ...buttons);
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Model");
  return row;
}

// The slider over the epochs, and the button that goes through them.
function epochs(numbers, view, redraw, still) {
  const last = numbers.length - 1;
  const slider = make("input", { type: "range", min: 0, max: last, step: 1, value: last });
  const shown = make("output", {});
  const play = make("button", { type: "button", textContent: "Play" });
  let timer = 0;
  let moving = 0;

  function move() {
    if (!slider.isConnected) return; // another model's has taken its place
    const away = Number(slider.value) - view.time;
    const there = still.matches || Math.abs(away) < 0.02;
    view.time = there ? Number(slider.value) : view.time + away * 0.16;
    redraw();
    moving = there ? 0 : requestAnimationFrame(move);
  }

  function go() {
    shown.textContent = `epoch ${numbers[slider.value]}`;
    slider.setAttribute("aria-valuetext", shown.textContent);
    moving ||= requestAnimationFrame(move);
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  slider.addEventListener("input", () => { stop(); go(); });
  play.addEventListener("click", () => {
    if (timer) {
      stop();
      return;
    }
    play.textContent = "Pause";
    slider.value = Number(slider.value) === last ? 0 : slider.value;
    go();
    timer = setInterval(() => {
      if (!slider.isConnected) stop();
      slider.value = Number(slider.value) + 1;
      go();
      if (Number(slider.value) === last) stop();
    }, 900);
  });
  go();
  return make("div", { className: "epochs" }, play, make("label", {}, "Epoch ", slider), shown);
}

for (const box of document.querySelectorAll(".embedding")) {
  embedding(box, box.closest("section").querySelector(".labels"));
}
