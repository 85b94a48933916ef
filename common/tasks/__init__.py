"""What is predicted of a picture: targets, head, loss, decisions, stratification, report."""
