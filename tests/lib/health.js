/* What health and metrics tell the operator. */
import assert from 'node:assert/strict';

export const operatorToken = 'operator-token-of-the-tests';

/** Settings that go with it. */
export const operatorEnv = { METACHAT_OPERATOR_TOKEN: operatorToken };

/** {ok, detail} of a part. */
export async function healthPart(mc, name) {
  const { body } = await mc.api(operatorToken).get('/health');
  const part = body.parts.find((p) => p.name === name);
  assert.ok(part, `there is no part ${name}`);
  return part;
}

/** "ok", "degraded" or "down", as a stranger sees it. */
export async function healthStatus(mc) {
  return (await mc.api().get('/health')).body.status;
}

/** The value of a metric; with a label: the line that has it. */
export async function metric(mc, name, label = '') {
  const { text } = await mc.api(operatorToken).get('//metrics');
  const line = text.split('\n').find((l) => l.replace(/^metachat_/, '').startsWith(name) && l.includes(label));
  return line ? Number(line.split(' ').at(-1)) : 0;
}
