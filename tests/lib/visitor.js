/* A visitor of a tenant's page, as the widget there is one: a session, and what it may call. */
import assert from 'node:assert/strict';
import { Api } from './api.js';

export const page = 'https://shop.example';

/** Lets pages of these origins show the tenant's widget; gives its settings, with the key. */
export function openWidget(shop, origins = [page]) {
  return shop.data('PUT', '/tenant/widget', { origins });
}

/** The whole answer to a page of that origin that asks for a session; origin null: none is named. */
export function askSession(mc, body, origin = page) {
  return mc.api().post('/public/widget/session', body, { headers: origin === null ? {} : { Origin: origin } });
}

/** A visitor with a token: an Api with visitorId, expiresAt, widgetKey and origin. */
export async function visit(mc, key, { origin = page, token } = {}) {
  const answer = await askSession(mc, { key, ...(token ? { token } : {}) }, origin);
  assert.equal(answer.status, 201, answer.text);
  return Object.assign(new Api(mc.url, answer.body.data.token), { ...answer.body.data, widgetKey: key, origin });
}

/** A visitor of a tenant whose widget is closed until now. */
export async function visitorOf(mc, shop) {
  return visit(mc, (await openWidget(shop)).key);
}

/** The token of a new visitor of the demo page, by the key that the page carries. */
export async function demoToken(mc) {
  const [key] = /wk_\w+/.exec((await mc.api().get('//demo')).text);
  return (await visit(mc, key, { origin: mc.url })).token;
}
