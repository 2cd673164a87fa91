import { bizoholic } from './rest/bizoholic.js';
import { bizosaas } from './rest/bizosaas.js';
import { coreldove } from './coreldove/platform.js';
import { restPlatform } from './rest/engine.js';

/** @typedef {import('./server/simulator.js').Platform} Platform */

/**
 * All simulated platforms with the ports that the real ones use. The one list to extend.
 *
 * @type {Record<string, {port: number, create: (options: {token?: string}) => Platform}>}
 */
export const platforms = {
  bizoholic: { port: 3008, create: (options) => restPlatform(bizoholic, options) },
  bizosaas: { port: 8001, create: (options) => restPlatform(bizosaas, options) },
  coreldove: { port: 8024, create: (options) => coreldove(options) },
};
