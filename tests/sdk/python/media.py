"""Video and audio, and who may have what, with the official Python SDK: uploads of clips whole and in parts, delivery with ranges,
access rules, and publishing.

Everything about the server comes from the environment. Arguments: the photo, a clip and a tone.
"""

import json
import sys
import time
import urllib.error
import urllib.request

import cloudinary
import cloudinary.api
import cloudinary.uploader
import cloudinary.utils


def fetch(url, headers=None):
    """Status, headers and body of a delivery."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {})) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, b""


def address(public_id, **options):
    return cloudinary.utils.cloudinary_url(public_id, secure=False, **options)[0]


def main(photo, clip, tone):
    uploader, api = cloudinary.uploader, cloudinary.api
    with open(clip, "rb") as file:
        bytes = file.read()

    # Clips and tones.
    stored = uploader.upload(clip, public_id="media/clip", resource_type="video")
    assert (stored["resource_type"], stored["format"], stored["width"], stored["height"]) == ("video", "mp4", 320, 180), stored
    assert stored["video"]["codec"] == "h264" and stored["audio"]["codec"] == "aac" and not stored["is_audio"], stored
    status, headers, body = fetch(cloudinary.CloudinaryVideo("media/clip").build_url(secure=False, format="mp4"))
    assert (status, headers["Content-Type"], body) == (200, "video/mp4", bytes)
    status, headers, body = fetch(stored["url"], {"Range": "bytes=0-99"})
    assert (status, body, headers["Content-Range"]) == (206, bytes[:100], f"bytes 0-99/{len(bytes)}"), headers
    heard = uploader.upload(tone, public_id="media/tone", resource_type="auto")
    assert (heard["resource_type"], heard["format"], heard["is_audio"]) == ("video", "mp3", True), heard
    large = uploader.upload_large(clip, public_id="media/large", resource_type="video", chunk_size=5243000)
    assert large["etag"] == stored["etag"], large
    detail = api.resource("media/clip", resource_type="video")
    assert detail["duration"] == stored["duration"] and detail["video"] == stored["video"], detail
    status, headers, _ = fetch(address("media/clip.mp4", resource_type="video", width=100, crop="scale"))
    assert status == 400 and "video" in headers["X-Cld-Error"], headers

    # What a picture shows.
    shown = uploader.upload(photo, public_id="media/shown", colors=True, phash=True, image_metadata=True, faces=False)
    assert len(shown["phash"]) == 16 and shown["colors"][0][0].startswith("#"), shown
    assert set(shown["predominant"]) == {"google", "cloudinary"}, shown
    detail = api.resource("media/shown", colors=True, phash=True, image_metadata=True)
    for name in ["phash", "colors", "predominant", "image_metadata"]:
        assert detail[name] == shown[name], (name, detail, shown)
    assert uploader.explicit("media/shown", type="upload", phash=True)["phash"] == shown["phash"]
    streams = uploader.upload(clip, public_id="media/clip", resource_type="video", media_metadata=True)["media_metadata"]
    assert streams["audio_codec"] == "aac", streams

    # Who may have a picture.
    hour = 3600
    moment = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    window = {"access_type": "anonymous", "start": moment(-hour), "end": moment(hour)}
    stored = uploader.upload(photo, public_id="media/window", access_control=[window])
    assert stored["access_control"] == [window], stored
    assert fetch(address("media/window.jpg"))[0] == 200
    later = [{"access_type": "anonymous", "start": moment(hour)}]
    changed = api.update("media/window", access_control=later)
    assert changed["access_control"] == later, changed
    assert fetch(address("media/window.jpg"))[0] == 401
    api.update("media/window", access_control={"access_type": "token"})
    assert fetch(address("media/window.jpg"))[0] == 401
    assert fetch(address("media/window.jpg", sign_url=True))[0] == 200

    # What was private is published.
    for name, tag in [("media/p1", "x"), ("media/p2", "tagged"), ("media/q", "x")]:
        uploader.upload(photo, public_id=name, type="private", tags=[tag])
    published = lambda answer: sorted(item["public_id"] for item in answer["published"])
    assert published(api.publish_by_ids(["media/p1"])) == ["media/p1"]
    assert published(api.publish_by_tag("tagged")) == ["media/p2"]
    assert published(api.publish_by_prefix("media/q", type="authenticated")) == []
    assert published(api.publish_by_prefix("media/q")) == ["media/q"]
    assert fetch(address("media/q.jpg"))[0] == 200
    again = uploader.upload(photo, public_id="media/q", type="private")
    assert api.publish_by_ids(["media/q"])["failed"][0]["public_id"] == "media/q"
    answer = api.publish_by_ids(["media/q"], overwrite=True)
    assert answer["published"][0]["asset_id"] == again["asset_id"], answer
    for kind in ["image", "video"]:
        api.delete_resources_by_prefix("media/", resource_type=kind)
    print(json.dumps({}))


if __name__ == "__main__":
    main(*sys.argv[1:])
