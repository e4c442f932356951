import ar from "../../i18n/widget.ar.json";
import en from "../../i18n/widget.en.json";

/* Every language has the same keys, or this does not compile. */
type Same<A, B> = [keyof A, keyof B] extends [keyof B, keyof A] ? A : never;
export type TextKey = keyof typeof en;
type Texts = Record<TextKey, string>;

const arabic: Same<typeof ar, typeof en> = ar;
const languages: Record<string, Texts> = { en, ar: arabic };
const rightToLeft = ["ar"];

let language = "en";

/** The first of the wanted languages ("ar-EG" is Arabic) that there are texts in, else English. */
export function chooseLanguage(wanted: readonly (string | null | undefined)[]): string {
  const known = wanted.map((tag) => (tag ?? "").toLowerCase().split("-")[0] ?? "");
  return known.find((name) => Object.hasOwn(languages, name)) ?? "en";
}

export function useLanguage(name: string): void {
  language = name;
}

export function currentLanguage(): { name: string; dir: "rtl" | "ltr" } {
  return { name: language, dir: rightToLeft.includes(language) ? "rtl" : "ltr" };
}

/** A text of the widget's own, with {n} and the like put in. */
export function text(key: TextKey, values: Record<string, string | number> = {}): string {
  const words = (languages[language] ?? en)[key];
  return words.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
