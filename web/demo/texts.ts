/** Every text that the page shows, by key. */
const en = {
  intro:
    "Hello! Ask me anything about the shop.\nI answer from its own pages only, and every quote below an answer is checked against them, byte for byte.",
  label: "Your question",
  hint: "Write a question …",
  send: "Ask",
  you: "You",
  assistant: "Assistant",
  thinking: "Looking it up …",
  sources: "Quoted from the shop's pages",
  noSource: "The shop's pages do not say; nothing is made up.",
  failed: "The shop cannot be reached just now. Please try again.",
  expired: "This page was open for long. Reload it to go on.",
  busy: "Too many questions in a short time. Please wait a moment.",
  handover: "A person was asked to take over. The assistant is silent from here on.",
  silent: "Your message was passed on.",
  accepted: "Your message is stored; the answer takes longer than usual.",
};

export type TextKey = keyof typeof en;

export function text(key: TextKey): string {
  return en[key];
}

/** Questions to try, so that nobody faces an empty page. */
export const suggestions = [
  "What are your opening hours?",
  "How long can I return an item?",
  "How much is shipping?",
  "Does the warranty cover the battery?",
  "Can I talk to a person?",
];
