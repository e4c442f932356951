/* A WebSocket client that does whatever it is told: every byte of every frame is the test's. */
import { once } from 'node:events';
import { connect } from 'node:net';

export const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

/** A frame as a client sends it. first: the whole first byte, if FIN and opcode are not enough. */
export function frame(opcode, payload = '', { fin = true, rsv = 0, masked = true, length } = {}) {
  const body = Buffer.from(payload);
  const n = length ?? body.length;
  const size = n < 126 ? 0 : n < 65536 ? 2 : 8;
  const head = Buffer.alloc(2 + size);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? n : size === 2 ? 126 : 127);
  if (size === 2) head.writeUInt16BE(n, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(n), 2);
  if (!masked) return Buffer.concat([head, body]);
  const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  return Buffer.concat([head, mask, body.map((byte, i) => byte ^ mask[i % 4])]);
}

/** The payload of a close frame. */
export function closing(code, reason = '') {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason)]);
}

/** The head of a request that asks for a WebSocket; headers with null are left out. */
export function asking(path, headers = {}) {
  const all = {
    Host: 'peer', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export class RawSocket {
  #bytes = Buffer.alloc(0);
  #ended = false;
  #waiting = null;

  constructor(socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (part) => this.#came(part));
    socket.on('end', () => this.#over());
    socket.on('error', () => this.#over());
    socket.on('close', () => this.#over());
  }

  /** Connects and shakes hands; behind: bytes that go with the request. */
  static async open(port, { path = '/', headers, behind = '' } = {}) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    const raw = new RawSocket(socket);
    raw.send(Buffer.concat([Buffer.from(asking(path, headers)), Buffer.from(behind)]));
    raw.head = await raw.#headOfAnswer();
    return raw;
  }

  send(bytes) {
    this.socket.write(bytes);
  }

  /** The same, a piece at a time. */
  async chop(bytes, size) {
    for (let at = 0; at < bytes.length; at += size) {
      await new Promise((done) => this.socket.write(bytes.subarray(at, at + size), done));
    }
  }

  /** The next frame: {first, opcode, payload}; null at the end of the connection. */
  async frame() {
    for (;;) {
      const found = this.#cut();
      if (found) return found;
      if (this.#ended) return null;
      await this.#more();
    }
  }

  destroy() {
    this.socket.destroy();
  }

  #cut() {
    const b = this.#bytes;
    if (b.length < 2) return null;
    const short = b[1] & 0x7f;
    const size = short === 127 ? 8 : short === 126 ? 2 : 0;
    if (b.length < 2 + size) return null;
    const n = size === 8 ? Number(b.readBigUInt64BE(2)) : size === 2 ? b.readUInt16BE(2) : short;
    if (b.length < 2 + size + n) return null;
    this.#bytes = b.subarray(2 + size + n);
    return { first: b[0], opcode: b[0] & 0x0f, masked: b[1] >= 0x80, payload: b.subarray(2 + size, 2 + size + n) };
  }

  async #headOfAnswer() {
    let end;
    while ((end = this.#bytes.indexOf('\r\n\r\n')) < 0 && !this.#ended) await this.#more();
    const head = this.#bytes.subarray(0, end < 0 ? undefined : end + 4).toString();
    this.#bytes = this.#bytes.subarray(head.length);
    return head;
  }

  #more() {
    return new Promise((done) => (this.#waiting = done));
  }

  #came(part) {
    this.#bytes = Buffer.concat([this.#bytes, part]);
    this.#waiting?.();
  }

  #over() {
    this.#ended = true;
    this.#waiting?.();
  }
}
