/** Every text that the page shows, by key. */
const en = {
  intro:
    "An invented shop with real answers: everything below comes from its documents, and every citation is checked against them, byte by byte.",
  label: "Your question",
  hint: "Write a question …",
  send: "Ask",
  you: "You",
  assistant: "Assistant",
  thinking: "Looking it up …",
  sources: "From the shop's documents",
  noSource: "The documents do not answer this.",
  failed: "That did not work. Please try again.",
  expired: "This page was open for long. Reload it to go on.",
  busy: "Too many questions in a short time. Please wait a moment.",
  handover: "A person was asked to take over.",
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
