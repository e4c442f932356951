/* Somebody's site with the widget on it: pages on an origin of their own. */
import { createServer } from 'node:http';

export class HostSite {
  #pages = new Map();

  static async start(scope) {
    const site = new HostSite();
    const server = createServer((req, res) => {
      const page = site.#pages.get(new URL(req.url, 'http://x').pathname);
      if (!page) return void res.writeHead(404).end();
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...page.headers }).end(page.html);
    });
    await new Promise((done) => server.listen(0, 'localhost', done));
    scope.after(() => server.close());
    scope.after(() => server.closeAllConnections());
    site.url = `http://localhost:${server.address().port}`;
    return site;
  }

  /** A page with the widget of this server; gives its address. attributes: of the script tag. head,
   * body: more of the page. */
  add(path, { server, attributes = { 'data-key': 'wk_test' }, head = '', body = '', headers = {}, lang = 'en' }) {
    const tag = Object.entries(attributes).map(([name, value]) => ` ${name}="${value.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}"`);
    const html = `<!doctype html><html lang="${lang}"><head><meta charset="utf-8"><title>A site</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">${head}</head>
<body><header><a href="/">Home</a></header><main><h1>A site</h1><p>Some words, and <a href="#x" id="link">a link</a>.</p>${body}</main>
<script src="${server}/widget.js"${tag.join('')} async></script></body></html>`;
    this.#pages.set(path, { html, headers });
    return this.url + path;
  }
}
