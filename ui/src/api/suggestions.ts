// Services and operations for the boxes that suggest them, kept for a short while so that moving between
// fields asks nothing twice.

import { fetchOperations, fetchServices } from './client';
import type { Operation, Service } from './types';

const FRESH_MS = 10_000;

interface Kept<T> {
  atMs: number;
  value: Promise<T>;
}

const kept = new Map<string, Kept<unknown>>();

export function suggestServices(): Promise<Service[]> {
  return keep('services', async () => (await fetchServices()).services);
}

export function suggestOperations(service: string): Promise<Operation[]> {
  return keep(`operations ${service}`, async () => (await fetchOperations(service)).operations);
}

function keep<T>(key: string, load: () => Promise<T>): Promise<T> {
  const present = kept.get(key) as Kept<T> | undefined;
  if (present !== undefined && Date.now() - present.atMs < FRESH_MS) return present.value;
  const value = load();
  kept.set(key, { atMs: Date.now(), value });
  value.catch(() => kept.delete(key));
  return value;
}
