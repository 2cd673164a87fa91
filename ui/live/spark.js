// How many events came in each of the last seconds.

const kSeconds = 60;

export class Spark {
  #counts = new Array(kSeconds).fill(0);

  constructor(canvas) { this.canvas = canvas; }

  count() { this.#counts[kSeconds - 1] += 1; }
  /// The mean of the last three whole seconds.
  rate() { return (this.#counts[kSeconds - 2] + this.#counts[kSeconds - 3] + this.#counts[kSeconds - 4]) / 3; }
  /// Once a second.
  tick() {
    this.#counts.shift();
    this.#counts.push(0);
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    const pen = this.canvas.getContext('2d');
    pen.scale(ratio, ratio);
    const counts = this.#counts.slice(0, -1);
    const top = Math.max(...counts, 4);
    const accent = getComputedStyle(document.documentElement).getPropertyValue('--accent').trim();
    const x = (i) => (i / (counts.length - 1)) * width;
    const y = (count) => height - 2 - (count / top) * (height - 8);
    pen.beginPath();
    counts.forEach((count, i) => (i ? pen.lineTo(x(i), y(count)) : pen.moveTo(x(i), y(count))));
    pen.strokeStyle = accent;
    pen.lineWidth = 2;
    pen.lineJoin = 'round';
    pen.stroke();
    pen.lineTo(width, height);
    pen.lineTo(0, height);
    const fade = pen.createLinearGradient(0, 0, 0, height);
    fade.addColorStop(0, `${accent}44`);
    fade.addColorStop(1, `${accent}00`);
    pen.fillStyle = fade;
    pen.fill();
  }
}
