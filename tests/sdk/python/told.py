"""Who is told what, and what is made ahead, with the official Python SDK: a receiver that verifies each signature, eager and
incoming transformations, uploads that are answered before they are carried out, triggers, and messages that wait in a channel.

Everything about the server comes from the environment. Arguments: the photo, and the address of a remote picture.
"""

import http.server
import json
import queue
import sys
import threading
import urllib.request

import cloudinary
import cloudinary.api
import cloudinary.uploader
import cloudinary.utils
from cloudinary.exceptions import BadRequest


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what is signed by our secret, and nothing else."""

    told = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        timestamp, signature = self.headers["X-Cld-Timestamp"], self.headers["X-Cld-Signature"]
        is_ours = cloudinary.utils.verify_notification_signature(body, int(timestamp), signature)
        is_forged = cloudinary.utils.verify_notification_signature(body + " ", int(timestamp), signature)
        self.send_response(200 if is_ours and not is_forged else 401)
        self.end_headers()
        if is_ours and not is_forged:
            self.told.put((self.path, json.loads(body)))

    def log_message(self, *arguments):
        pass


def size(url):
    with urllib.request.urlopen(url) as answer:
        return len(answer.read())


def main(photo, remote):
    uploader, api = cloudinary.uploader, cloudinary.api
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"

    def told(path):
        where, message = Receiver.told.get(timeout=30)
        assert where == path, (where, path, message)
        return message

    # Made with the upload, and told with it.
    thumb = {"width": 120, "height": 90, "crop": "fill"}
    stored = uploader.upload(
        photo, public_id="told/a", eager=[thumb, {"width": 60, "format": "png"}], notification_url=f"{address}/upload"
    )
    assert [(item["width"], item["format"]) for item in stored["eager"]] == [(120, "jpg"), (60, "png")], stored
    message = told("/upload")
    assert message["notification_type"] == "upload" and message["eager"] == stored["eager"], message
    url, _ = cloudinary.utils.cloudinary_url("told/a", format="jpg", version=stored["version"], secure=False, **thumb)
    assert url == stored["eager"][0]["url"] and size(url) == stored["eager"][0]["bytes"], (url, stored)

    # Made later.
    promised = uploader.explicit(
        "told/a", type="upload", eager=[{"width": 40}], eager_async=True, eager_notification_url=f"{address}/eager"
    )
    assert promised["eager"][0]["status"] == "processing", promised
    message = told("/eager")
    assert (message["batch_id"], message["eager"][0]["width"]) == (promised["batch_id"], 40), message

    # Changed before it is stored, and carried out after the answer.
    pending = getattr(uploader, "upload")(
        remote, public_id="told/b", transformation={"width": 50, "crop": "limit"}, format="png",
        notification_url=f"{address}/later", **{"async": True}
    )
    assert (pending["status"], pending["public_id"]) == ("pending", "told/b"), pending
    message = told("/later")
    assert (message["notification_type"], message["width"], message["format"]) == ("upload", 50, "png"), message

    # A link for one hour, and what it hands over.
    link = cloudinary.utils.private_download_url("told/b", "jpg", attachment=True)
    with urllib.request.urlopen(link) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg" and "attachment" in answer.headers["Content-Disposition"]

    # Triggers.
    trigger = api.create_trigger(f"{address}/trigger", "delete")
    assert [item["event_type"] for item in api.triggers()["triggers"]] == ["delete"]
    api.update_trigger(trigger["id"], f"{address}/moved")
    assert api.test_trigger(trigger["id"])["trigger_id"] == trigger["id"]
    uploader.destroy("told/a")
    assert told("/moved")["resources"][0]["public_id"] == "told/a"
    api.delete_trigger(trigger["id"])
    assert api.triggers()["triggers"] == []

    # A channel, for who cannot be reached.
    uploader.rename("told/b", "told/c", notification_url="poll://desk")
    uploader.add_tag("seen", ["told/c"], notification_url="poll://tags", batch_id="one")
    assert api.notifications(channel="tags", wait_seconds=20)["messages"][0]["payload"]["batch_id"] == "one"
    message = api.notifications(channel="desk", wait_seconds=20)["messages"][0]
    assert cloudinary.utils.verify_notification(message) and message["payload"]["to_public_id"] == "told/c", message
    api.ack_notifications([message["receipt_handle"]])
    assert api.notifications(channel="desk", wait_seconds=0).get("messages", []) == []

    try:
        uploader.upload(photo, eager=[{"width": 10, "overlay": "told:c"}])
        raise AssertionError("an overlay is not built")
    except BadRequest as refusal:
        assert "l_" in str(refusal), refusal
    uploader.destroy("told/c")
    server.shutdown()
    print(json.dumps({}))


if __name__ == "__main__":
    main(*sys.argv[1:])
