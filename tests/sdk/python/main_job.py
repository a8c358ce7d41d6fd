"""The main job with the official Python SDK: upload, deliver, look, remove, provision.

Everything about the server comes from the environment, as it would in an application: CLOUDINARY_URL and
CLOUDINARY_ACCOUNT_URL. Arguments: the photo, and the name of the unsigned preset.
"""

import io
import json
import struct
import sys
import urllib.request

import cloudinary
import cloudinary.api
import cloudinary.provisioning
import cloudinary.uploader
from cloudinary.exceptions import AuthorizationRequired, NotFound


def fetch(url):
    with urllib.request.urlopen(url) as answer:
        return answer.headers, answer.read()


def jpeg_size(data):
    """Width and height from a JPEG's frame header."""
    at = 2
    while True:
        marker, length = struct.unpack(">HH", data[at : at + 4])
        if 0xFFC0 <= marker <= 0xFFC2:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length


def refused(error, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except error as refusal:
        return str(refusal)
    raise AssertionError(f"{call.__name__} was not refused")


def main(photo, preset):
    done = {}

    # Upload and deliver.
    result = cloudinary.uploader.upload(photo, public_id="python/photo", tags=["sdk", "photo"])
    assert result["public_id"] == "python/photo" and result["format"] == "jpg", result
    assert result["resource_type"] == "image" and result["type"] == "upload", result
    assert len(result["asset_id"]) == 32 and result["request_id"], result
    assert result["tags"] == ["photo", "sdk"], result
    done["bytes"] = result["bytes"]

    url, _ = cloudinary.utils.cloudinary_url(
        "python/photo", format="jpg", version=result["version"], width=400, height=300, crop="fill", secure=False
    )
    headers, body = fetch(url)
    assert headers["Content-Type"] == "image/jpeg", headers
    assert jpeg_size(body) == (400, 300), jpeg_size(body)
    assert fetch(url)[1] == body, "the same address gave other bytes"
    done["delivered"] = 2 * len(body)
    assert result["url"] == cloudinary.utils.cloudinary_url(
        "python/photo", format="jpg", version=result["version"], secure=False
    )[0], result["url"]

    # Unsigned, without key and secret.
    unsigned = cloudinary.uploader.unsigned_upload(photo, preset, public_id="python/unsigned")
    assert unsigned["public_id"] == "python/unsigned", unsigned

    # A stream, and bytes in the request.
    with open(photo, "rb") as stream:
        data = stream.read()
    streamed = cloudinary.uploader.upload(io.BytesIO(data), public_id="python/stream")
    assert streamed["etag"] == result["etag"], (streamed["etag"], result["etag"])
    raw = cloudinary.uploader.upload(io.BytesIO(b"a,b\n1,2\n"), public_id="python/table.csv", resource_type="raw")
    assert raw["bytes"] == 8 and "width" not in raw, raw
    assert fetch(raw["url"])[1] == b"a,b\n1,2\n"

    # Look.
    assert cloudinary.api.ping()["status"] == "ok"
    listed = cloudinary.api.resources(type="upload", prefix="python/", tags=True)
    assert {item["public_id"] for item in listed["resources"]} == {"python/photo", "python/unsigned", "python/stream"}
    assert listed.rate_limit_allowed > 0 and listed.rate_limit_remaining > 0, "rate headers are positive"
    detail = cloudinary.api.resource("python/photo")
    assert (detail["width"], detail["height"]) == (result["width"], result["height"]), detail
    assert len(detail["derived"]) == 1 and detail["derived"][0]["bytes"] == len(body), detail["derived"]
    usage = cloudinary.api.usage()
    assert "transformations" in usage and "bandwidth" in usage, usage
    refused(NotFound, cloudinary.api.resource, "python/nothing")

    # Remove.
    for name in ["python/photo", "python/unsigned", "python/stream"]:
        assert cloudinary.uploader.destroy(name, invalidate=True)["result"] == "ok"
    assert cloudinary.uploader.destroy("python/table.csv", resource_type="raw")["result"] == "ok"
    assert cloudinary.uploader.destroy("python/photo")["result"] == "not found"
    assert cloudinary.api.resources(type="upload", prefix="python/")["resources"] == []

    # Provision an environment and a key, and use them at once.
    environment = cloudinary.provisioning.create_sub_account("Python shop", "python-shop", {"owner": "python"}, True)
    first = environment["api_access_keys"][0]
    there = {"cloud_name": "python-shop", "api_key": first["key"], "api_secret": first["secret"]}
    assert cloudinary.api.ping(**there)["status"] == "ok"
    key = cloudinary.provisioning.generate_access_key(environment["id"], name="second", enabled=True)
    second = {"cloud_name": "python-shop", "api_key": key["api_key"], "api_secret": key["api_secret"]}
    assert cloudinary.uploader.upload(photo, public_id="own", **second)["public_id"] == "own"
    keys = cloudinary.provisioning.access_keys(environment["id"])
    assert keys["total"] == 2 and len(keys["access_keys"]) == 2, keys
    disabled = cloudinary.provisioning.update_access_key(environment["id"], key["api_key"], enabled=False)
    assert disabled["enabled"] is False, disabled
    refused(AuthorizationRequired, cloudinary.api.ping, **second)
    assert cloudinary.api.resources(**there)["resources"][0]["public_id"] == "own"
    assert cloudinary.provisioning.delete_access_key(environment["id"], key["api_key"])["message"] == "ok"

    listed = cloudinary.provisioning.sub_accounts(ids=[environment["id"]])["sub_accounts"]
    assert [item["cloud_name"] for item in listed] == ["python-shop"], listed
    renamed = cloudinary.provisioning.update_sub_account(environment["id"], name="Python store")
    assert renamed["name"] == "Python store", renamed
    assert cloudinary.provisioning.sub_account(environment["id"])["custom_attributes"] == {"owner": "python"}
    assert cloudinary.provisioning.delete_sub_account(environment["id"])["message"] == "ok"
    refused(AuthorizationRequired, cloudinary.api.ping, **there)

    print(json.dumps(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
