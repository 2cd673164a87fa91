/**
 * The few HTTP manners that every simulator shares: reading a bounded body and answering with JSON.
 */

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {unknown} body  anything JSON can carry; `undefined` sends no body
 * @property {Record<string, string>} [headers]
 */

/** An expected failure that already knows how it wants to be answered. */
export class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * Reads the whole body as text.
 *
 * Errors: `HttpError` 413 as soon as the limit is passed; the rest of the body is dropped unread.
 *
 * @param {import('node:http').IncomingMessage} message
 * @param {number} bytesMax
 * @returns {Promise<string>}
 */
export async function readBody(message, bytesMax) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of message) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new HttpError(413, `the body is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * @param {string} text
 * @returns {any}
 */
export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, 'the body is not JSON');
  }
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {Answer} answer
 */
export function sendJson(response, { status, body, headers }) {
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}
