// Sends one file to the server and tells how far it is. An upload by XMLHttpRequest, because fetch cannot say how much
// of a body has left.

import { ApiFailure } from '../api/client';
import type { ErrorResponse, ImportResponse } from '../api/types';
import { withBase } from '../lib/base';

/** Resolves with what came of the file; `onProgress` gets a share from 0 to 1. */
export function upload(file: Blob, onProgress: (share: number) => void, signal: AbortSignal): Promise<ImportResponse> {
  return new Promise((resolve, reject) => {
    const stopped = () => reject(new ApiFailure('stopped', 'stopped; what arrived before is stored'));
    if (signal.aborted) {
      stopped();
      return;
    }
    const request = new XMLHttpRequest();
    request.open('POST', withBase('/fanal/v1/import'));
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status === 200) resolve(JSON.parse(request.responseText) as ImportResponse);
      else reject(failureOf(request));
    };
    request.onerror = () => reject(new ApiFailure('unreachable', 'the server does not answer, or closed the connection'));
    request.onabort = stopped;
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

function failureOf(request: XMLHttpRequest): ApiFailure {
  try {
    const { error } = JSON.parse(request.responseText) as ErrorResponse;
    return new ApiFailure(error.kind, error.message, request.status, error.parameter);
  } catch {
    return new ApiFailure('internal', `the server answered ${request.status}`, request.status);
  }
}
