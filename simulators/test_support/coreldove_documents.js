import { readFileSync, readdirSync } from 'node:fs';

const kFolder = new URL('../../config/platforms/coreldove/', import.meta.url);

/** The documents that the service ships for CoreLDove: name without `.graphql` → text. */
export const documents = Object.fromEntries(
  readdirSync(kFolder)
    .filter((file) => file.endsWith('.graphql'))
    .map((file) => [file.replace('.graphql', ''), readFileSync(new URL(file, kFolder), 'utf8')]),
);
