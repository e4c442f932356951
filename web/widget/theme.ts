/* The tenant's colour, made readable wherever it stands: contrast after WCAG 2.2, 1.4.3. */

type Rgb = [number, number, number];

const black: Rgb = [0, 0, 0];
const ink: Rgb = [20, 24, 26];
const white: Rgb = [255, 255, 255];
const enough = 4.6; // 4.5 is asked for; colours are rounded

function parse(hex: string): Rgb {
  const n = parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

function format(rgb: Rgb): string {
  return `rgb(${rgb.map(Math.round).join(" ")})`;
}

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((v) => {
    const c = v / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: Rgb, b: Rgb): number {
  const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (hi + 0.05) / (lo + 0.05);
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  return a.map((v, i) => v + ((b[i] ?? 0) - v) * share) as Rgb;
}

/* As little darker or lighter as makes it readable on the ground. */
function readable(colour: Rgb, ground: Rgb): Rgb {
  const toward = luminance(ground) > 0.18 ? black : white;
  for (let share = 0; share < 1; share += 0.04) {
    const tried = mix(colour, toward, share);
    if (contrast(tried, ground) >= enough) return tried;
  }
  return toward;
}

/** The colours that the style sheet takes from the tenant's: of a filled face and the words on it,
 * and of words and lines on paper by day and by night. The papers are those of style.css. */
export function themeColours(colour: string): Record<string, string> {
  const accent = parse(colour);
  // One of black and white always reaches 4.58.
  const onAccent = [white, ink].find((words) => contrast(words, accent) >= 4.5) ?? black;
  return {
    "--accent": format(accent),
    "--on-accent": format(onAccent),
    "--accent-day": format(readable(accent, [240, 240, 236])),
    "--accent-night": format(readable(accent, [40, 44, 46])),
  };
}
