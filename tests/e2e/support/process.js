import { readFileSync, readdirSync } from 'node:fs';

/** Memory of a process that is in RAM, in MiB. */
export function residentMib(pid) {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(kib) / 1024;
}

/** How many descriptors a process has open. */
export function openFiles(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** `{soft, hard}`: how many descriptors a process may have open. */
export function openFilesMax(pid) {
  const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'));
  return { soft: Number(soft), hard: Number(hard) };
}
