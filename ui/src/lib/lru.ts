// A small map that forgets what was used longest ago. Keeps server answers that cannot change or that are
// cheap to keep for the way back.

export class Lru<V> {
  readonly #entries = new Map<string, V>();
  readonly #capacity: number;

  /** Holds at most `capacity` values. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#capacity) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }
}
