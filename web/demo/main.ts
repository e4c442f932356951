/* The page uses the widget as anybody's page may: by window.metachat. */
import { byId } from "../shared/dom";
import type {} from "../widget/api";

for (const button of document.querySelectorAll<HTMLElement>("[data-ask]")) {
  button.addEventListener("click", () => window.metachat?.ask(button.dataset.ask ?? ""));
}

/* The label says the language that a click brings, in that language. */
const language = byId("language");
language.addEventListener("click", () => {
  const chosen = language.lang;
  window.metachat?.setLanguage(chosen);
  language.lang = chosen === "ar" ? "en" : "ar";
  language.textContent = chosen === "ar" ? "English" : "العربية";
});
