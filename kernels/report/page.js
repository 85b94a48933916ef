"use strict";
// Tables sort by a button in each column's heading; without this script they are read as they are.

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
}

function compare(a, b, sign) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return sign * (a.localeCompare ? a.localeCompare(b, "en", { numeric: true }) : a - b);
}

function sort(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const ascending = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const [body] = table.tBodies;
  const sign = ascending ? 1 : -1;
  body.append(...[...body.rows].sort((a, b) => compare(key(a, column), key(b, column), sign)));
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

const START = { yaw: 0.6, pitch: 0.35, zoom: 1 };
const AXES = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
const CORNERS = [[-1.35, 0], [0, -1.35], [1.35, 0], [0, 1.35]]; // of an unseen class's mark
const EYE = 3.4; // its distance from the middle, where the farthest points lie at 1

const clamp = (value, low, high) => Math.max(low, Math.min(value, high));

// One of the buttons is down, or none.
function press(buttons, chosen) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
}

function embedding(box) {
  const find = (selector) => box.querySelector(selector);
  const [canvas, card, slider, play] = ["canvas", ".card", "input", ".epochs button"].map(find);
  const [models, classes] = ["models", "labels"].map((s) => [...box.querySelectorAll(`.${s} button`)]);
  const { pictures, hues } = JSON.parse(box.dataset.facts);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const view = { ...START };
  const pen = canvas.getContext("2d");
  let [points, epochs, placed] = [[], [], []];
  let [time, asked, timer, picked, label] = [0, 0, 0, -1, null];

  const redraw = () => { asked ||= requestAnimationFrame(draw); };

  // Where a point is drawn, and how near it is.
  function locate(x, y, z) {
    const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
    const [sy, cy, sp, cp] = [view.yaw, view.pitch].flatMap((a) => [Math.sin(a), Math.cos(a)]);
    const depth = cy * z - sy * x;
    const near = sp * y + cp * depth;
    const scale = (0.45 * Math.min(wide, high) * view.zoom * EYE) / Math.max(0.4, EYE - near);
    return [wide / 2 + (cy * x + sy * z) * scale, high / 2 - (cp * y - sp * depth) * scale, near];
  }

  // Time goes towards the slider's epoch; points are between two epochs meanwhile.
  function place() {
    const away = slider.value - time;
    time = still.matches || Math.abs(away) < 0.02 ? Number(slider.value) : time + 0.16 * away;
    if (time !== Number(slider.value)) redraw();
    const [epoch, share] = [Math.floor(time), time % 1];
    const last = epochs.length - 1;
    const at = (row, e) => points[3 * pictures.length * Math.min(e, last) + row] / 32767;
    const between = (row) => at(row, epoch) * (1 - share) + at(row, epoch + 1) * share;
    placed = pictures.map((_, n) => locate(between(3 * n), between(3 * n + 1), between(3 * n + 2)));
  }

  function drawAxes(css) {
    pen.strokeStyle = css("--edge");
    pen.fillStyle = css("--soft");
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

  function drawPoint(n, css, chosen) {
    const [x, y, near] = placed[n];
    const { label: own, seen } = pictures[n];
    const [turn, tone, pure] = hues[own];
    const faded = chosen !== null && own !== chosen;
    const size = pictures.length > 1500 ? 2.6 : pictures.length > 500 ? 3.6 : 5;
    const radius = ((size * EYE) / (EYE - near)) * (n === picked ? 1.7 : 1);
    pen.globalAlpha = faded ? 0.13 : 0.62 + 0.19 * (near + 1);
    pen.fillStyle = `hsl(${turn} ${pure}% ${parseFloat(css("--ink")) + tone}%)`;
    if (faded) pen.fillStyle = css("--rest");
    pen.strokeStyle = css(n === picked ? "--text" : "--ground");
    pen.lineWidth = n === picked ? 2 : 0.8;
    pen.beginPath();
    if (seen) pen.arc(x, y, radius, 0, 2 * Math.PI);
    else CORNERS.forEach(([dx, dy]) => pen.lineTo(x + radius * dx, y + radius * dy));
    pen.closePath();
    pen.fill();
    if (!faded) pen.stroke();
    pen.globalAlpha = 1;
  }

  function draw() {
    asked = 0;
    const density = devicePixelRatio || 1;
    const style = getComputedStyle(canvas);
    const css = (name) => style.getPropertyValue(name);
    canvas.width = canvas.clientWidth * density;
    canvas.height = canvas.clientHeight * density;
    pen.scale(density, density);
    place();
    drawAxes(css);
    const order = [...placed.keys()].sort((a, b) => placed[a][2] - placed[b][2]);
    for (const n of order) drawPoint(n, css, picked < 0 ? label : pictures[picked].label);
    if (picked >= 0) putCard(...placed[picked]);
  }

  // Next to the point, on the side where there is room.
  function putCard(x, y) {
    const left = x > canvas.clientWidth / 2 ? x - card.offsetWidth - 14 : x + 14;
    card.style.left = `${clamp(left, 0, canvas.clientWidth - card.offsetWidth)}px`;
    const low = canvas.clientHeight - card.offsetHeight;
    card.style.top = `${clamp(y - card.offsetHeight / 2, 0, low)}px`;
  }

  function pick(n) {
    if (n === picked) return;
    picked = n;
    card.hidden = n < 0;
    if (n >= 0) {
      const { id, name, jpeg, seen } = pictures[n];
      const [image, strong, words] = card.children;
      image.hidden = !jpeg;
      image.src = `data:image/jpeg;base64,${jpeg}`;
      strong.textContent = name;
      words.textContent = seen ? id : `${id}, unseen ${box.dataset.one}`;
    }
    redraw();
  }

  // The point under the pointer: of those within reach the nearest, in front rather than behind.
  function under(event) {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const reach = event.pointerType === "touch" ? 22 : 11;
    let [found, best] = [-1, reach];
    placed.forEach(([px, py, near], n) => {
      const away = Math.hypot(px - x, py - y);
      if (away < reach && away - 4 * near < best) [found, best] = [n, away - 4 * near];
    });
    return found;
  }

  function turn(across, down) {
    view.yaw += across;
    view.pitch = clamp(view.pitch + down, -1.5, 1.5);
    redraw();
  }

  function zoom(factor) {
    view.zoom = clamp(view.zoom * factor, 0.5, 8);
    redraw();
  }

  let drag = null;
  const on = (kind, act, options) => canvas.addEventListener(kind, act, options);
  on("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: 0 };
    canvas.setPointerCapture(event.pointerId);
  });
  on("pointermove", (event) => {
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
  on("pointerup", (event) => {
    if (drag && drag.moved <= 4) pick(under(event));
    drag = null;
  });
  on("pointercancel", () => { drag = null; });
  on("pointerleave", (event) => {
    if (!drag && event.pointerType === "mouse") pick(-1);
  });
  on("wheel", (event) => {
    if (!event.ctrlKey) return; // else the page scrolls; a pinch comes as a wheel with Ctrl
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 200));
  }, { passive: false });

  const number = pictures.length;
  const keys = {
    ArrowLeft: () => turn(-0.12, 0),
    ArrowRight: () => turn(0.12, 0),
    ArrowUp: () => turn(0, -0.12),
    ArrowDown: () => turn(0, 0.12),
    "+": () => zoom(1.2),
    "=": () => zoom(1.2),
    "-": () => zoom(1 / 1.2),
    0: () => { Object.assign(view, START); redraw(); },
    n: () => pick((picked + 1) % number),
    p: () => pick((Math.max(picked, 0) - 1 + number) % number),
    Escape: () => pick(-1),
  };
  on("keydown", (event) => {
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  function go(epoch) {
    slider.value = epoch;
    const words = `epoch ${epochs[slider.value]}`;
    find("output").textContent = words;
    slider.setAttribute("aria-valuetext", words);
    redraw();
  }

  function run(playing) {
    clearInterval(timer);
    timer = playing && setInterval(() => {
      go(Number(slider.value) + 1);
      if (slider.value === slider.max) run(false);
    }, 900);
    play.textContent = playing ? "Pause" : "Play";
  }

  slider.addEventListener("input", () => { run(false); go(slider.value); });
  play.addEventListener("click", () => {
    if (!timer && slider.value === slider.max) go(0);
    run(!timer);
  });

  function choose(button) {
    press(models, button);
    const bytes = Uint8Array.from(atob(button.dataset.points), (letter) => letter.charCodeAt(0));
    points = new Int16Array(bytes.buffer);
    epochs = JSON.parse(button.dataset.epochs);
    time = slider.max = epochs.length - 1;
    find(".epochs").hidden = !time;
    run(false);
    go(time);
  }

  for (const button of models) button.addEventListener("click", () => choose(button));
  for (const button of classes) {
    button.addEventListener("click", () => {
      const chosen = button.getAttribute("aria-pressed") !== "true";
      press(classes, chosen ? button : null);
      label = chosen ? Number(button.dataset.label) : null;
      redraw();
    });
  }
  find(".flat").remove();
  find(".turned").hidden = false;
  find(".models").hidden = !models[1];
  press(classes, null);
  choose(models[0]);
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

document.querySelectorAll(".embedding").forEach(embedding);
