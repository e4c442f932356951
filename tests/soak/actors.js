/* Who keeps the server busy during the soak. Each actor does one thing at a time, pauses, and goes on
 * until it is told that it is over. An answer that is not as it should be is a fault. */
import { Editor } from '../lib/load.js';
import { pause } from '../lib/wait.js';

const questions = [
  'When does the shop open on Saturday?',
  'What does shipping cost?',
  'How long can I return an item?',
  'Do you sell tickets to the moon?',
];
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** What all actors share: whether it is over, what went wrong, and how long answers took. */
export class Crowd {
  constructor() {
    this.over = false;
    this.faults = [];
    this.done = 0;
    this.times = []; // ms, since they were last taken
    this.running = [];
  }

  /** Does act() again and again, with a pause of about pauseMs. */
  add(name, act, pauseMs = 50) {
    this.running.push(this.#keepActing(name, act, pauseMs));
  }

  async #keepActing(name, act, pauseMs) {
    while (!this.over) {
      try {
        await act();
        this.done += 1;
      } catch (error) {
        this.faults.push(`${name}: ${error.cause ?? error.message}`);
      }
      await pause(pauseMs * (0.5 + Math.random()));
    }
  }

  async timed(act) {
    const begun = performance.now();
    const result = await act();
    this.times.push(performance.now() - begun);
    return result;
  }

  takeTimes() {
    const times = this.times.sort((a, b) => a - b);
    this.times = [];
    return times;
  }

  async end() {
    this.over = true;
    await Promise.all(this.running);
  }
}

function must(answer, ...statuses) {
  if (!statuses.includes(answer.status)) throw new Error(`${answer.status} ${answer.text.slice(0, 200)}`);
  return answer.body?.data;
}

/** A customer who opens a conversation, asks some questions in it, and opens another. */
export function customer(crowd, api, streamed) {
  let conversationId;
  let asked = 0;
  return async () => {
    if (asked++ % 8 === 0) conversationId = undefined;
    const body = { message: pick(questions), ...(conversationId && { conversationId }) };
    if (streamed) {
      const { done } = await api.chatStreamed(body.message, body);
      if (!done?.turnId) throw new Error('a stream without its end');
      conversationId = done.conversationId;
    } else {
      ({ conversationId } = must(await crowd.timed(() => api.post('/chat', body)), 200));
    }
  };
}

/** Adds, replaces and deletes documents, and keeps few. */
export function editor(api) {
  const own = new Editor(api);
  return async () => {
    const there = own.pages.filter((page) => !page.gone);
    own.deletes = there.length > 20 ? 0.9 : 0.2;
    await own.act();
    own.pages = own.pages.filter((page) => !page.gone);
    if (own.faults.length) throw new Error(own.faults.pop());
  };
}

/** Follows the events for a while, leaves, and comes back with the last number that it has. */
export function follower(api) {
  let last = null;
  return async () => {
    const leave = new AbortController();
    const until = setTimeout(() => leave.abort(), 200 + Math.random() * 2000);
    const headers = last ? { 'Last-Event-ID': last } : {};
    try {
      for await (const frame of api.stream('GET', '/events', { headers, signal: leave.signal })) {
        last = frame.event === 'reload' ? null : frame.id || last;
      }
    } catch (error) {
      if (!leave.signal.aborted) throw error;
    } finally {
      clearTimeout(until);
    }
  };
}

/** Asks and leaves before the answer, or in the midst of sending. */
export function leaver(api) {
  return async () => {
    const leave = new AbortController();
    setTimeout(() => leave.abort(), Math.random() * 30);
    const streamed = Math.random() < 0.5 ? { Accept: 'text/event-stream' } : {};
    await api
      .fetch('POST', '/chat', { body: { message: pick(questions) }, headers: streamed, signal: leave.signal })
      .then((response) => response.text())
      .catch((error) => {
        if (!leave.signal.aborted) throw error;
      });
  };
}

/** Sends what must be refused. */
export function vandal(api) {
  const ways = [
    async () => must(await api.post('/chat', { message: '' }), 400),
    async () => must(await api.request('POST', '/chat', { body: '{"message":', headers: { 'Content-Type': 'application/json' } }), 400),
    async () => must(await api.get('/documents?limit=0'), 400),
    async () => must(await api.get('/nothing'), 404),
    async () => must(await api.put('/chat', {}), 405),
    async () => must(await api.as('mc_live_nobody').get('/tenant'), 401),
    async () => must(await api.post('/documents', { name: 'x.pdf', text: '%PDF-1.7' }), 400, 415),
    async () => must(await api.post('/chat', { message: 'x'.repeat(1_000_000) }), 413),
  ];
  return () => pick(ways)();
}

/** Reads lists and single things. */
export function reader(api) {
  const paths = ['/conversations?limit=50', '/documents?limit=50', '/tenant', '/api-keys', '/events?limit=20', '/conversations?q=shop&limit=10'];
  return async () => {
    must(await api.get(pick(paths)), 200);
    must(await api.post('/search', { query: pick(questions) }), 200);
  };
}
