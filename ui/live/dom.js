// Small helpers for elements and words.

export const $ = (id) => document.getElementById(id);

/// An element with properties and children; texts become text, never markup.
export function el(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/// `85 ms`, `4.2 s`, `3 min`
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 90_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 5_400_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

const kCompact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
export const compact = (number) => (number < 10_000 ? number.toLocaleString() : kCompact.format(number));

export function toast(text, tone = '') {
  const box = $('toasts');
  if ([...box.children].some((shown) => shown.textContent === text)) return;
  const shown = el('div', { className: `toast ${tone}` }, text);
  box.append(shown);
  setTimeout(() => shown.remove(), 4500);
}
