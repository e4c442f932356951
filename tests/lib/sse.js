/* A reader of server-sent events, after the WHATWG text: fields, comments, CR, LF and CRLF. */

/** Turns pieces of text into frames {event, data, id}; comments go to onComment. */
export class SseParser {
  #rest = '';
  #event = '';
  #data = [];
  #lastId = '';

  constructor(onFrame, onComment = () => {}) {
    this.onFrame = onFrame;
    this.onComment = onComment;
  }

  push(text) {
    this.#rest += text;
    for (;;) {
      // A CR at the very end may be the first half of a CRLF that is still on its way.
      const at = this.#rest.search(/\r\n|\n|\r(?!$)/);
      if (at < 0) return;
      const line = this.#rest.slice(0, at);
      this.#rest = this.#rest.slice(at + (this.#rest.startsWith('\r\n', at) ? 2 : 1));
      this.#line(line);
    }
  }

  #line(line) {
    if (line === '') return this.#dispatch();
    if (line.startsWith(':')) return this.onComment(line.slice(1).trim());
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id') this.#lastId = value;
  }

  #dispatch() {
    if (this.#data.length) {
      this.onFrame({ event: this.#event || 'message', data: this.#data.join('\n'), id: this.#lastId });
    }
    this.#event = '';
    this.#data = [];
  }
}

/** Frames of a fetch response as they come, with data parsed as JSON where it is JSON. */
export async function* frames(response) {
  const decoder = new TextDecoder();
  const queue = [];
  const parser = new SseParser((frame) => queue.push(frame));
  for await (const part of response.body) {
    parser.push(decoder.decode(part, { stream: true }));
    while (queue.length) yield withJson(queue.shift());
  }
}

function withJson(frame) {
  try {
    return { ...frame, data: JSON.parse(frame.data) };
  } catch {
    return frame;
  }
}
