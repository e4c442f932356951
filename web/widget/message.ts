/* Messages as the server tells them, read with care: it speaks for the tenant, whose words are not
 * ours. */
import { plain } from "./settings";

export interface Citation {
  n: number;
  documentName: string;
  quote: string;
}

export type Sender = "customer" | "assistant" | "agent" | "system";

export interface Message {
  id: string;
  clientId: string | null; // that the sender gave it
  turnId: string | null;
  sender: Sender;
  text: string;
  at: number; // ms
  action: string;
  stopped: boolean;
  citations: Citation[];
}

type Raw = Record<string, unknown>;

const senders: readonly Sender[] = ["customer", "assistant", "agent", "system"];
const longest = 100_000;

export function record(value: unknown): Raw {
  return typeof value === "object" && value !== null ? (value as Raw) : {};
}

export function identifier(value: unknown): string | null {
  return typeof value === "string" && /^[\w.:-]{1,200}$/.test(value) ? value : null;
}

function readCitations(value: unknown): Citation[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, 50).map((one, i) => {
    const raw = record(one);
    return {
      n: Number.isSafeInteger(raw.n) ? (raw.n as number) : i + 1,
      documentName: plain(raw.documentName, 200),
      quote: plain(raw.quote, 4000),
    };
  });
}

/** null when it is no message. */
export function readMessage(value: unknown): Message | null {
  const raw = record(value);
  const meta = record(raw.metadata);
  const id = identifier(raw.id);
  const sender = senders.find((s) => s === raw.sender);
  if (!id || !sender) return null;
  return {
    id,
    sender,
    clientId: identifier(meta.clientMessageId),
    turnId: identifier(raw.turnId),
    text: plain(raw.content, longest),
    at: typeof raw.createdAt === "string" ? Date.parse(raw.createdAt) || 0 : 0,
    action: plain(meta.action, 20),
    stopped: meta.stopped === true,
    citations: readCitations(meta.citations),
  };
}

/** The same message as readMessage takes it: how it is kept. */
export function writeMessage(m: Message): Raw {
  return {
    id: m.id,
    sender: m.sender,
    turnId: m.turnId,
    content: m.text,
    createdAt: new Date(m.at).toISOString(),
    metadata: { clientMessageId: m.clientId, action: m.action, stopped: m.stopped, citations: m.citations },
  };
}
