// Who is told what, and what is made ahead, with the official Node SDK: a receiver that verifies each signature, eager and incoming
// transformations, and uploads that are answered before they are carried out.
//
// Everything about the server comes from the environment. Arguments: the photo, and the address of a remote picture.
'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const cloudinary = require('cloudinary').v2;

const [photo, remote] = process.argv.slice(2);
const { uploader, api, utils } = cloudinary;

/** Takes what is signed by our secret, and nothing else. */
class Receiver {
  constructor() {
    this.told = [];
    this.waiting = [];
    this.server = http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => { body += chunk; });
      request.on('end', () => {
        const [timestamp, signature] = [request.headers['x-cld-timestamp'], request.headers['x-cld-signature']];
        const isOurs = utils.verifyNotificationSignature(body, Number(timestamp), signature);
        const isForged = utils.verifyNotificationSignature(`${body} `, Number(timestamp), signature);
        response.writeHead(isOurs && !isForged ? 200 : 401).end();
        if (isOurs && !isForged) this.take([request.url, JSON.parse(body)]);
      });
    });
  }

  take(message) {
    const next = this.waiting.shift();
    if (next) next(message);
    else this.told.push(message);
  }

  async start() {
    await new Promise((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
    this.address = `http://127.0.0.1:${this.server.address().port}`;
  }

  async next(path) {
    const [where, message] = this.told.shift() ?? await new Promise((resolve) => { this.waiting.push(resolve); });
    assert.equal(where, path, JSON.stringify(message));
    return message;
  }
}

async function main() {
  const receiver = new Receiver();
  await receiver.start();
  const at = (path) => receiver.address + path;

  // Made with the upload, and told with it.
  const thumb = { width: 120, height: 90, crop: 'fill' };
  const stored = await uploader.upload(photo, {
    public_id: 'told/a', eager: [thumb, { width: 60, format: 'png' }], notification_url: at('/upload'),
  });
  assert.deepEqual(stored.eager.map((item) => [item.width, item.format]), [[120, 'jpg'], [60, 'png']]);
  assert.deepEqual((await receiver.next('/upload')).eager, stored.eager);
  const url = cloudinary.url('told/a', { ...thumb, format: 'jpg', version: stored.version, secure: false });
  assert.equal(url.split('?')[0], stored.eager[0].url);
  assert.equal((await (await fetch(url)).arrayBuffer()).byteLength, stored.eager[0].bytes);

  // Made later.
  const promised = await uploader.explicit('told/a', {
    type: 'upload', eager: [{ width: 40 }], eager_async: true, eager_notification_url: at('/eager'),
  });
  assert.equal(promised.eager[0].status, 'processing');
  const message = await receiver.next('/eager');
  assert.deepEqual([message.batch_id, message.eager[0].width], [promised.batch_id, 40]);

  // Changed before it is stored, and carried out after the answer.
  const pending = await uploader.upload(remote, {
    public_id: 'told/b', transformation: { width: 50, crop: 'limit' }, format: 'png', async: true, notification_url: at('/later'),
  });
  assert.deepEqual([pending.status, pending.public_id], ['pending', 'told/b']);
  const later = await receiver.next('/later');
  assert.deepEqual([later.notification_type, later.width, later.format], ['upload', 50, 'png']);

  // A link for one hour, and what it hands over.
  const link = utils.private_download_url('told/b', 'jpg', { expires_at: Math.round(Date.now() / 1000) + 60 });
  assert.equal((await fetch(link)).headers.get('content-type'), 'image/jpeg');

  // A preset that says it all.
  await api.create_upload_preset({ name: 'ready', unsigned: true, eager: [{ width: 30 }], transformation: { width: 80, crop: 'limit' } });
  const unsigned = await uploader.unsigned_upload(photo, 'ready');
  assert.deepEqual([unsigned.width, unsigned.eager[0].width], [80, 30]);
  await api.delete_upload_preset('ready');
  await api.delete_resources(['told/a', 'told/b', unsigned.public_id]);
  receiver.server.close();
  console.log(JSON.stringify({}));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
