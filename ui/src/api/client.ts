// Every request to the server. Answers are typed by `types.ts`; every refusal becomes an ApiFailure with words
// for a person. Knows nothing of pages.

import { withBase } from '../lib/base';
import type {
  ErrorResponse,
  OperationsResponse,
  SearchResponse,
  ServicesResponse,
  SpanDetail,
  StatusResponse,
  TraceSkeleton,
} from './types';

const ROOT = '/fanal/v1';

/** A request that did not give its answer. `kind` is the server's, or `unreachable`. */
export class ApiFailure extends Error {
  readonly kind: string;
  readonly status: number;
  readonly parameter: string | undefined;

  constructor(kind: string, message: string, status = 0, parameter?: string) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.parameter = parameter;
  }
}

export function fetchStatus(signal?: AbortSignal): Promise<StatusResponse> {
  return getJson('/status', signal);
}

export function fetchServices(signal?: AbortSignal): Promise<ServicesResponse> {
  return getJson('/services', signal);
}

export function fetchOperations(service: string, signal?: AbortSignal): Promise<OperationsResponse> {
  return getJson(`/services/${encodeURIComponent(service)}/operations`, signal);
}

export function fetchSearch(params: URLSearchParams, signal?: AbortSignal): Promise<SearchResponse> {
  return getJson(`/search?${params}`, signal);
}

export function fetchTrace(traceId: string, signal?: AbortSignal): Promise<TraceSkeleton> {
  return getJson(`/trace/${traceId}`, signal);
}

/** `span` is an ordinal of the skeleton or a span id. */
export function fetchSpan(traceId: string, span: number | string, signal?: AbortSignal): Promise<SpanDetail> {
  return getJson(`/trace/${traceId}/span/${span}`, signal);
}

/** Address of the trace as a file. */
export function downloadAddress(traceId: string, format: string): string {
  return withBase(`${ROOT}/trace/${traceId}/download?format=${format}`);
}

/** Posts an OTLP request in JSON to this server; rejects when it was not accepted whole. */
export async function postOtlp(body: unknown): Promise<void> {
  const response = await request('/v1/traces', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new ApiFailure('invalid', readOtlpMessage(text) ?? `the server answered ${response.status}`, response.status);
}

async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await request(ROOT + path, { headers: { accept: 'application/json' }, signal: signal ?? null });
  if (!response.ok) throw await readFailure(response);
  try {
    return (await response.json()) as T;
  } catch (cause) {
    if (isAbort(cause)) throw cause;
    throw new ApiFailure('internal', 'the answer is not JSON: is something between the browser and Fanal rewriting it?', response.status);
  }
}

async function request(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(withBase(path), init);
  } catch (cause) {
    if (isAbort(cause)) throw cause;
    throw new ApiFailure('unreachable', 'the server does not answer');
  }
}

async function readFailure(response: Response): Promise<ApiFailure> {
  try {
    const { error } = (await response.json()) as ErrorResponse;
    return new ApiFailure(error.kind, error.message, response.status, error.parameter);
  } catch {
    return new ApiFailure('internal', `the server answered ${response.status} ${response.statusText}`.trim(), response.status);
  }
}

function readOtlpMessage(text: string): string | null {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : null;
  } catch {
    return null;
  }
}

/** True when the request was given up by the page itself. */
export function isAbort(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === 'AbortError';
}

/** Any thrown thing as a failure with words. */
export function asFailure(cause: unknown): ApiFailure {
  return cause instanceof ApiFailure ? cause : new ApiFailure('internal', String(cause));
}
