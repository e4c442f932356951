/* A model provider with a fixed delay and a fixed answer, as cheap as Node can make one.
 *     node bench/model.js PORT DELAY_MS */
import { createServer } from 'node:http';

const [port, delay] = process.argv.slice(2).map(Number);
const answer = 'You can return any item within 30 days. Go to Orders and select Return; a label comes by mail.';
const chunk = (delta, finish, usage = null) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: usage ? [] : [{ index: 0, delta, finish_reason: finish }], usage })}\n\n`;
const stream = Buffer.from(
  [
    chunk({ role: 'assistant', content: '' }, null),
    ...answer.split(/(?<= )/).map((word) => chunk({ content: word }, null)),
    chunk({}, 'stop'),
    chunk(null, null, { prompt_tokens: 50, completion_tokens: 40, total_tokens: 90 }),
    'data: [DONE]\n\n',
  ].join(''),
);

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () =>
    setTimeout(() => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Content-Length': stream.length });
      response.end(stream);
    }, delay),
  );
});
server.keepAliveTimeout = 600_000;
server.listen(port, '127.0.0.1', 4096, () => console.log('ready'));
