// The WebSocket to /ws/sync: comes back by itself, and goes on where it was.

import { socketUrl, token } from './api.js';

const kWaitMsMin = 1000;
const kWaitMsMax = 15000;

/// Tells `onMessage` each message and `onState` one of `connecting`, `live`, `waiting` (with the milliseconds until the next
/// try). Close codes: 1013 means that we were too slow; the cursor makes up for it.
export class Link {
  #cursor = null;
  #wait = kWaitMsMin;
  #socket = null;
  #timer = 0;

  constructor({ onMessage, onState }) {
    this.onMessage = onMessage;
    this.onState = onState;
    this.tenant = '';
    // A laptop that wakes up need not sit out the wait.
    addEventListener('online', () => this.open());
    document.addEventListener('visibilitychange', () => document.hidden || this.#socket || this.open());
  }

  /// Connects, or connects anew with another tenant or token; a new tenant begins with what comes now.
  open({ fresh = false } = {}) {
    if (fresh) this.#cursor = null;
    clearTimeout(this.#timer);
    if (this.#socket) {
      this.#socket.onclose = null;
      this.#socket.close(1000);
    }
    this.onState('connecting');
    const url = socketUrl('ws/sync');
    if (this.tenant) url.searchParams.set('tenant_id', this.tenant);
    if (this.#cursor !== null) url.searchParams.set('cursor', this.#cursor);
    const socket = new WebSocket(url, token.get() ? ['bearer', token.get()] : []);
    this.#socket = socket;
    socket.onopen = () => { this.#wait = kWaitMsMin; this.onState('live'); };
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = () => this.#retry();
  }

  #take(message) {
    if (message.cursor !== undefined && BigInt(message.cursor) > BigInt(this.#cursor ?? -1)) this.#cursor = message.cursor;
    this.onMessage(message);
  }

  #retry() {
    this.#socket = null;
    const wait = this.#wait * (0.8 + Math.random() * 0.4);
    this.#wait = Math.min(this.#wait * 2, kWaitMsMax);
    this.onState('waiting', wait);
    this.#timer = setTimeout(() => this.open(), wait);
  }
}
