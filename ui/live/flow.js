// The picture: platforms around the golden record, and events on their way between them.

const kTravelMs = 900;
const kDotsMax = 240;  // more only blur; what is left out is still counted and listed
const kPlain = matchMedia('(prefers-reduced-motion: reduce)');

export class Flow {
  #dots = [];
  #places = new Map();
  #platforms = [];
  #frame = 0;

  constructor(canvas, nodes) {
    this.canvas = canvas;
    this.nodes = nodes;
    new ResizeObserver(() => this.#layout()).observe(canvas.parentElement);
    this.#add('', 'hub').innerHTML = '<strong>golden<br>records</strong>';
  }

  /// `{name: {health, circuit, queued, in_flight, parked}}`
  setPlatforms(platforms) {
    const names = Object.keys(platforms).sort();
    if (names.join() !== this.#platforms.join()) {
      for (const name of this.#platforms.filter((old) => !names.includes(old))) this.#node(name)?.remove();
      this.#platforms = names;
      this.#layout();
    }
    for (const [name, state] of Object.entries(platforms)) this.#show(name, state);
  }

  /// An event has come in: from its platform to the middle.
  arrive(source) { this.#send(source, '', 'moving', 0); }
  /// An outcome at a target: from the middle outward.
  deliver(target, tone) { this.#send('', target, tone, 0); }
  conflict() { this.#light(''); this.#send('', '', 'held', 0); }

  redraw() { this.#start(); }

  #add(name, kind) {
    const node = document.createElement('div');
    node.className = `node ${kind}`;
    node.dataset.name = name;
    this.nodes.append(node);
    return node;
  }
  #node(name) { return [...this.nodes.children].find((node) => node.dataset.name === name); }

  #show(name, state) {
    const node = this.#node(name) ?? this.#add(name, 'platform');
    const health = state.health ?? 1;
    node.dataset.health = state.circuit === 'open' || health < 0.5 ? 'bad' : health < 0.95 ? 'weak' : 'good';
    const waiting = (state.queued ?? 0) + (state.parked ?? 0);
    const words = state.circuit === 'open' ? 'does not answer'
      : state.circuit === 'half_open' ? 'is tried again' : `${Math.round(health * 100)} % healthy`;
    node.innerHTML = '<strong></strong><div class="bar-of"><i></i></div><span></span><span></span>';
    node.children[0].textContent = name;
    node.children[1].firstChild.style.width = `${Math.round(health * 100)}%`;
    node.children[2].textContent = words;
    node.children[3].textContent = `${state.in_flight ?? 0} under way · ${waiting} waiting`;
    this.#place(node);
  }

  #layout() {
    const { width, height } = this.canvas.parentElement.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    this.#places.clear();
    const count = Math.max(this.#platforms.length, 1);
    // A triangle's middle lies below that of its box.
    const middle = { x: width / 2, y: height / 2 + (count === 3 ? 26 : 0) };
    this.#places.set('', middle);
    const reach = { x: Math.min(width / 2 - (width < 600 ? 76 : 104), 360), y: height / 2 - (count === 3 ? 34 : 62) };
    this.#platforms.forEach((name, i) => {
      const angle = -Math.PI / 2 + (2 * Math.PI * i) / count;
      this.#places.set(name, { x: middle.x + Math.cos(angle) * reach.x, y: middle.y + Math.sin(angle) * reach.y });
    });
    for (const node of this.nodes.children) this.#place(node);
    this.#start();
  }
  #place(node) {
    const place = this.#places.get(node.dataset.name);
    if (place) Object.assign(node.style, { left: `${place.x}px`, top: `${place.y}px` });
  }

  #light(name) {
    const node = this.#node(name);
    if (!node) return;
    node.classList.add('lit');
    clearTimeout(node.unlit);
    node.unlit = setTimeout(() => node.classList.remove('lit'), 320);
  }

  #send(from, to, tone, delay) {
    if (!this.#places.has(from) || !this.#places.has(to)) return;
    if (kPlain.matches || document.hidden || this.#dots.length >= kDotsMax) return this.#light(to);
    this.#dots.push({ from, to, tone, begins: performance.now() + delay, bend: (Math.random() - 0.5) * 46 });
    this.#start();
  }

  #start() { this.#frame ||= requestAnimationFrame((now) => this.#draw(now)); }

  #draw(now) {
    this.#frame = 0;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const pen = this.canvas.getContext('2d');
    const ratio = devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.strokeStyle = colour('line');
    pen.lineWidth = 2;
    pen.setLineDash([2, 6]);
    pen.lineCap = 'round';
    const hub = this.#places.get('');
    for (const name of this.#platforms) {
      const place = this.#places.get(name);
      pen.beginPath();
      pen.moveTo(place.x, place.y);
      pen.lineTo(hub.x, hub.y);
      pen.stroke();
    }
    pen.setLineDash([]);
    this.#dots = this.#dots.filter((dot) => this.#drawDot(pen, dot, now, colour));
    if (this.#dots.length) this.#start();
  }

  /// False once the dot has arrived.
  #drawDot(pen, dot, now, colour) {
    const part = (now - dot.begins) / kTravelMs;
    if (part >= 1) { this.#light(dot.to); return false; }
    const from = this.#places.get(dot.from);
    const to = this.#places.get(dot.to);
    if (!from || !to) return false;
    const at = (t) => {
      const eased = t < 0.5 ? 2 * t * t : 1 - ((2 - 2 * t) ** 2) / 2;
      const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
      const bend = Math.sin(Math.PI * eased) * dot.bend;
      return { x: from.x + (to.x - from.x) * eased - ((to.y - from.y) / length) * bend,
               y: from.y + (to.y - from.y) * eased + ((to.x - from.x) / length) * bend };
    };
    pen.fillStyle = colour(dot.tone);
    for (let tail = 0; tail < 5; ++tail) {
      const place = at(Math.max(0, part - tail * 0.022));
      pen.globalAlpha = (1 - tail / 5) * 0.9;
      pen.beginPath();
      pen.arc(place.x, place.y, 4.4 - tail * 0.6, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.globalAlpha = 1;
    return true;
  }
}
