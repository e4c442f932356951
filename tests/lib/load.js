/* Customers and editors who keep a server busy, and remember what it promised them.
 *
 * A promise is an answer with a status of success: what it named must be there ever after. What got
 * no answer is in doubt: it may be there whole, or not at all. Sending it again under the same
 * clientMessageId must get an answer. */
import { randomUUID } from 'node:crypto';

const questions = [
  'When does the shop open on Saturday?',
  'What does shipping cost?',
  'How long can I return an item?',
  'Does the warranty cover the battery?',
  'Which colours of the moon do you sell?',
];

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const chance = (p) => Math.random() < p;

/** A message of a customer, from the first attempt to the end of the test. */
class Said {
  constructor(customers, conversation, text) {
    this.customers = customers;
    this.conversationId = conversation?.id;
    this.conversation = conversation;
    this.id = randomUUID();
    this.text = `${text} (${this.id})`;
    this.promised = false; // an answer said that it is stored
    this.messageId = null;
    this.turnId = null;
    this.reply = undefined;
  }

  get body() {
    return { message: this.text, clientMessageId: this.id, ...(this.conversationId && { conversationId: this.conversationId }) };
  }

  keep(data) {
    this.promised = true;
    this.messageId ??= data.messageId;
    if (data.messageId !== this.messageId) this.customers.fault(`${this.id} is ${this.messageId} and ${data.messageId}`);
    this.conversation ??= this.customers.met(data.conversationId);
    if (data.conversationId !== this.conversation.id) this.customers.fault(`${this.id} moved to ${data.conversationId}`);
    if (data.turnId === null) return;
    if (this.turnId !== null && this.turnId !== data.turnId) this.customers.fault(`${this.id} has two turns`);
    if (this.turnId !== null && this.reply !== data.reply) this.customers.fault(`${this.id} got two replies`);
    this.turnId = data.turnId;
    this.reply = data.reply;
  }
}

export class Customers {
  constructor(api, { handovers = 0.01 } = {}) {
    this.api = api;
    this.handovers = handovers;
    this.said = [];
    this.conversations = [];
    this.faults = [];
  }

  fault(sentence) {
    this.faults.push(sentence);
  }

  met(id) {
    const conversation = { id };
    this.conversations.push(conversation);
    return conversation;
  }

  /** Does one thing that customers do; throws when the server is gone. */
  async act() {
    const conversation = chance(0.8) && this.conversations.length ? pick(this.conversations.slice(-12)) : null;
    if (conversation && chance(0.15)) return this.#burst(conversation);
    return this.#say(conversation);
  }

  #text() {
    return chance(this.handovers) ? 'I want to talk to a person' : pick(questions);
  }

  async #burst(conversation) {
    const ways = Array.from({ length: 5 }, () => this.#say(conversation));
    const failed = (await Promise.allSettled(ways)).find((w) => w.status === 'rejected');
    if (failed) throw failed.reason;
  }

  #say(conversation) {
    const said = new Said(this, conversation, this.#text());
    this.said.push(said);
    return this.send(said, pick(['whole', 'stream', 'async']));
  }

  async send(said, way = 'whole') {
    if (way === 'stream') return this.#sendStreamed(said);
    const headers = way === 'async' ? { Prefer: 'respond-async' } : {};
    const answer = await this.api.post('/chat', said.body, { headers });
    if (answer.status !== 200 && answer.status !== 202) {
      return this.fault(`${said.id}: ${answer.status} ${answer.text}`);
    }
    return said.keep(answer.body.data);
  }

  /* The head of the stream is a promise already. */
  async #sendStreamed(said) {
    const response = await this.api.fetch('POST', '/chat', { body: said.body, headers: { Accept: 'text/event-stream' } });
    if (response.status !== 200) return this.fault(`${said.id}: ${response.status} ${await response.text()}`);
    said.promised = true;
    const last = /event: (done|accepted)\ndata: (.*)\n\n$/.exec(await response.text());
    if (!last) throw new Error('the stream ended early');
    return said.keep(JSON.parse(last[2]));
  }

  get inDoubt() {
    return this.said.filter((s) => s.messageId === null);
  }
}

const clauses = ['opens at nine on Saturday', 'sends parcels on Monday', 'takes back lamps for thirty days', 'paints chairs blue'];

export function pageText(words = 120) {
  const lines = Array.from({ length: Math.ceil(words / 12) }, () => `The shop number ${Math.floor(Math.random() * 1e6)} ${pick(clauses)}, as a rule.`);
  return `# Page ${randomUUID()}\n\n${lines.join('\n\n')}\n`;
}

/** Keeps documents: adds, replaces and deletes them, one thing at a time for each. */
export class Editor {
  constructor(api, { deletes = 0.2 } = {}) {
    this.api = api;
    this.deletes = deletes;
    this.pages = []; // {id, name, promised: text, maybe: [texts], gone}
    this.faults = [];
  }

  async act() {
    const free = this.pages.filter((p) => !p.busy && !p.gone && !p.goneMaybe);
    if (!free.length || chance(0.4)) return this.#add();
    const page = pick(free);
    page.busy = true;
    try {
      await (chance(this.deletes) ? this.#remove(page) : this.#replace(page));
    } finally {
      page.busy = false;
    }
  }

  async #add() {
    const text = pageText(20 + Math.floor(Math.random() * 2000));
    const name = `${randomUUID()}.md`;
    const answer = await this.api.post('/documents', { name, text });
    if (answer.status !== 201) return this.faults.push(`add: ${answer.status} ${answer.text}`);
    return this.pages.push({ id: answer.body.data.id, name, promised: text, maybe: [] });
  }

  async #replace(page) {
    const text = pageText(20 + Math.floor(Math.random() * 500));
    page.maybe.push(text);
    const answer = await this.api.put(`/documents/${page.id}/content`, { name: page.name, text });
    if (answer.status !== 200) return this.faults.push(`replace: ${answer.status} ${answer.text}`);
    page.promised = text;
    page.maybe = [];
    return page;
  }

  async #remove(page) {
    page.goneMaybe = true;
    const answer = await this.api.delete(`/documents/${page.id}`);
    if (answer.status !== 204) return this.faults.push(`delete: ${answer.status} ${answer.text}`);
    page.gone = true;
    return page;
  }

  /** Sentences about pages that are not as they were promised; the server is at rest. */
  async wrongPages() {
    const wrong = [];
    for (const page of this.pages) {
      const document = await this.api.get(`/documents/${page.id}`);
      if (document.status === 404 && (page.gone || page.goneMaybe)) continue;
      if (document.status !== 200 || page.gone) wrong.push(`${page.id}: ${document.text}, gone: ${page.gone === true}`);
      else if (document.body.data.status !== 'ready') wrong.push(`${page.id} is ${document.body.data.status}`);
      else {
        const { text } = await this.api.get(`/documents/${page.id}/content`);
        if (![page.promised, ...page.maybe].includes(text)) wrong.push(`${page.id} has another text than it was given`);
      }
    }
    return wrong;
  }
}
