"""What editors do all day with the official Python SDK: tags, context, names, folders, bulk deletion, remote files.

Everything about the server comes from the environment. Arguments: the photo, and the address of a remote picture.
"""

import io
import json
import sys
import urllib.parse
import urllib.request

import cloudinary
import cloudinary.api
import cloudinary.uploader
from cloudinary.exceptions import BadRequest, NotFound


def ids(listing):
    return [item["public_id"] for item in listing["resources"]]


def refused(error, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except error as refusal:
        return str(refusal)
    raise AssertionError(f"{call.__name__} was not refused")


def main(photo, remote):
    uploader, api = cloudinary.uploader, cloudinary.api
    for name in ["life/a", "life/b", "life/c"]:
        uploader.upload(photo, public_id=name, asset_folder="holidays", context={"alt": "Käse | = Brot"})

    # Tags.
    assert uploader.add_tag("sea", ["life/a", "life/b", "life/nobody"])["public_ids"] == ["life/a", "life/b"]
    uploader.add_tag(["beach", "sun"], ["life/a"])
    assert api.resource("life/a")["tags"] == ["beach", "sea", "sun"]
    assert ids(api.resources_by_tag("sea")) == ["life/b", "life/a"]
    assert api.tags()["tags"] == ["beach", "sea", "sun"]
    uploader.remove_tag("sun", ["life/a"])
    uploader.replace_tag("land", ["life/b"])
    uploader.add_tag("sea", ["life/b"], exclusive=True)
    assert ids(api.resources_by_tag("sea")) == ["life/b"]
    uploader.remove_all_tags(["life/b"])
    assert "tags" not in api.resource("life/b")

    # Context.
    assert api.resource("life/a")["context"] == {"custom": {"alt": "Käse | = Brot"}}
    uploader.add_context({"place": "Kiel=Förde"}, ["life/a"])
    assert ids(api.resources_by_context("place", "Kiel=Förde")) == ["life/a"]
    assert ids(api.resources_by_context("alt")) == ["life/c", "life/b", "life/a"]
    uploader.remove_all_context(["life/c"])
    assert ids(api.resources_by_context("alt")) == ["life/b", "life/a"]

    # Update, and look by folder and by ids.
    changed = api.update("life/a", tags="one,two", context={"caption": "x"}, asset_folder="holidays/2026", display_name="A")
    assert changed["tags"] == ["one", "two"] and changed["context"] == {"custom": {"caption": "x"}}, changed
    assert (changed["asset_folder"], changed["display_name"]) == ("holidays/2026", "A"), changed
    by_folder = api.resources_by_asset_folder("holidays", fields=["asset_folder"])
    assert ids(by_folder) == ["life/c", "life/b"] and by_folder["total_count"] == 2, by_folder
    assert api.resource_by_asset_id(changed["asset_id"])["public_id"] == "life/a"
    assert ids(api.resources_by_asset_ids([changed["asset_id"]], tags=True)) == ["life/a"]
    assert ids(api.resources_by_ids(["life/b", "life/nobody"])) == ["life/b"]
    page = api.resources(type="upload", prefix="life/", max_results=2)
    assert ids(page) == ["life/a", "life/b"], page
    page = api.resources(type="upload", prefix="life/", max_results=2, next_cursor=page["next_cursor"])
    assert ids(page) == ["life/c"] and "next_cursor" not in page, page

    # Upload parameters for what is there, and a token.
    assert uploader.explicit("life/a", type="upload", tags=["three"])["tags"] == ["three"]
    assert refused(NotFound, uploader.explicit, "life/nobody", type="upload").startswith("Resource not found")
    token = uploader.upload(photo, public_id="life/short", return_delete_token=True)["delete_token"]
    with urllib.request.urlopen(
        cloudinary.utils.cloudinary_api_url("delete_by_token", resource_type="image").replace("/image/", "/"),
        data=urllib.parse.urlencode({"token": token}).encode(),
    ) as answer:
        assert json.load(answer) == {"result": "ok"}

    # Another name.
    renamed = uploader.rename("life/c", "life/d")
    assert renamed["public_id"] == "life/d"
    assert "already exists" in refused(BadRequest, uploader.rename, "life/d", "life/a")
    assert "Resource not found" in refused(NotFound, uploader.rename, "life/c", "life/e")
    assert uploader.rename("life/d", "life/b", overwrite=True)["asset_id"] == renamed["asset_id"]

    # Folders.
    assert api.create_folder("albums/2026/spring")["path"] == "albums/2026/spring"
    assert [item["name"] for item in api.root_folders()["folders"]] == ["albums", "holidays"]
    assert [item["path"] for item in api.subfolders("albums/2026")["folders"]] == ["albums/2026/spring"]
    api.update("life/b", asset_folder="albums/2026/spring")
    assert api.rename_folder("albums/2026", "books")["to"] == {"name": "books", "path": "books"}
    assert api.resource("life/b")["asset_folder"] == "books/spring"
    api.update("life/b", asset_folder="")
    assert api.delete_folder("books")["deleted"] == ["books", "books/spring"]
    assert refused(NotFound, api.subfolders, "books").endswith("Can't find folder with path books")

    # Mappings.
    assert api.create_upload_mapping("mapped", template="https://www.example.com/")["message"] == "created"
    assert api.upload_mapping("mapped")["template"] == "https://www.example.com/"
    api.update_upload_mapping("mapped", template="https://images.example.com/")
    assert api.upload_mappings()["mappings"][0]["template"] == "https://images.example.com/"
    assert api.delete_upload_mapping("mapped")["message"] == "deleted"

    # Presets.
    assert api.create_upload_preset(name="life", unsigned=True, folder="inbox", tags=["x", "y"], context={"a": "b"})["name"] == "life"
    preset = api.upload_preset("life")
    assert preset["unsigned"] is True and preset["settings"]["tags"] == ["x", "y"], preset
    assert preset["settings"]["context"] == {"a": "b"} and preset["settings"]["folder"] == "inbox", preset
    assert uploader.unsigned_upload(photo, "life", public_id="note")["public_id"] == "inbox/note"
    settings = {**preset["settings"], "tags": ["z"], "unsigned": False}
    assert api.update_upload_preset("life", **settings)["message"] == "updated"
    assert [item["name"] for item in api.upload_presets()["presets"]][0] == "life"
    assert uploader.upload(photo, upload_preset="life", public_id="signed")["tags"] == ["z"]
    assert api.delete_upload_preset("life")["message"] == "deleted"
    assert "not found" in refused(NotFound, api.upload_preset, "life")
    assert api.delete_resources_by_prefix("inbox/")["deleted"] == {"inbox/note": "deleted", "inbox/signed": "deleted"}

    # A large file in chunks.
    large = io.BytesIO(bytes(range(256)) * 50_000)
    stored = uploader.upload_large(large, public_id="life/large.bin", chunk_size=6_000_000)
    assert (stored["bytes"], stored["public_id"], stored["resource_type"]) == (12_800_000, "life/large.bin", "raw"), stored
    assert "larger than 5mb" in refused(
        BadRequest, uploader.upload_large, io.BytesIO(b"x" * 3_000_000), public_id="small", chunk_size=1_000_000
    )
    assert uploader.destroy("life/large.bin", resource_type="raw")["result"] == "ok"

    # What belongs together.
    related = api.add_related_assets("life/a", ["image/upload/life/b", "image/upload/life/nobody"])
    assert [item["code"] for item in related["success"] + related["failed"]] == ["success_ids", "non_existing_ids"]
    assert [item["public_id"] for item in api.resource("life/b", related=True)["related_assets"]] == ["life/a"]
    asset_ids = [api.resource(name)["asset_id"] for name in ["life/a", "life/b"]]
    assert len(api.delete_related_assets_by_asset_ids(asset_ids[0], [asset_ids[1]])["success"]) == 1
    assert len(api.add_related_assets_by_asset_ids(asset_ids[0], [asset_ids[1]])["success"]) == 1
    assert len(api.delete_related_assets("life/b", ["image/upload/life/a"])["success"]) == 1

    # What people look at.
    uploader.upload(photo, public_id="life/queue", moderation="manual")
    assert ids(api.resources_by_moderation("manual", "pending")) == ["life/queue"]
    assert api.update("life/queue", moderation_status="approved")["moderation_status"] == "approved"
    assert ids(api.resources_by_moderation("manual", "approved")) == ["life/queue"]
    assert api.delete_resources(["life/queue"])["deleted"] == {"life/queue": "deleted"}

    # Structured metadata.
    colours = {"values": [{"external_id": "r", "value": "Red"}, {"external_id": "b", "value": "Blue"}]}
    api.add_metadata_field({"type": "set", "label": "Colours", "external_id": "colours", "datasource": colours})
    api.add_metadata_field({
        "type": "integer", "label": "Age", "external_id": "age", "validation": {"type": "less_than", "value": 100},
    })
    assert "default_value is invalid" in refused(
        BadRequest, api.add_metadata_field,
        {"type": "integer", "label": "X", "validation": {"type": "less_than", "value": 9}, "default_value": 10},
    )
    assert api.metadata_field_by_field_id("age")["validation"]["value"] == 100
    assert [field["external_id"] for field in api.list_metadata_fields()["metadata_fields"]] == ["colours", "age"]
    assert api.update_metadata_field("age", {"label": "Years"})["label"] == "Years"
    entries = api.update_metadata_field_datasource("colours", [{"external_id": "g", "value": "Green"}])
    assert len(entries["values"]) == 3
    assert len(api.delete_datasource_entries("colours", ["g"])["values"]) == 2
    assert len(api.restore_metadata_field_datasource("colours", ["g"])["values"]) == 3
    assert api.reorder_metadata_field_datasource("colours", "value", "desc")["values"][0]["value"] == "Red"
    assert api.reorder_metadata_fields("label", "desc")["metadata_fields"][0]["external_id"] == "age"
    stored = uploader.upload(photo, public_id="life/m", metadata={"colours": ["r", "b"], "age": "7"})
    assert stored["metadata"] == {"colours": ["r", "b"], "age": 7}, stored
    assert uploader.update_metadata({"colours": ["g"]}, ["life/m"])["public_ids"] == ["life/m"]
    assert api.resource("life/m")["metadata"] == {"colours": ["g"], "age": 7}
    assert api.update("life/m", metadata={"age": 8})["metadata"]["age"] == 8
    assert "do not exist" in refused(BadRequest, uploader.update_metadata, {"nothing": "x"}, ["life/m"])
    rule = api.add_metadata_rule({
        "metadata_field_id": "colours", "name": "few", "condition": {"metadata_field_id": "age", "populated": True},
        "result": {"enable": True, "activate_values": {"external_ids": ["r"]}},
    })
    assert [item["external_id"] for item in api.list_metadata_rules()["metadata_rules"]] == [rule["external_id"]]
    assert api.update_metadata_rule(rule["external_id"], {"name": "fewer"})["name"] == "fewer"
    assert api.delete_metadata_rule(rule["external_id"])["success"] is True
    assert api.delete_metadata_field("colours")["message"] == "ok"
    assert api.delete_metadata_field("age")["message"] == "ok"
    uploader.destroy("life/m")

    # Named transformations, and the record of every other.
    stored = uploader.upload(photo, public_id="life/t", eager=[{"crop": "scale", "width": 101}])
    assert stored["eager"][0]["transformation"] == "c_scale,w_101", stored
    known = {item["name"]: item for item in api.transformations(max_results=500)["transformations"]}
    assert known["c_scale,w_101"]["used"] is True and known["c_scale,w_101"]["named"] is False, known
    for said in ["c_scale,w_101", {"crop": "scale", "width": 101}]:
        detail = api.transformation(said)
        assert detail["info"] == [{"crop": "scale", "width": 101}], detail
        assert [item["public_id"] for item in detail["derived"]] == ["life/t"], detail
    for allowed in [True, False]:
        api.update_transformation("c_scale,w_101", allowed_for_strict=allowed)
        assert api.transformation("c_scale,w_101")["allowed_for_strict"] is allowed
    assert api.create_transformation("python_named", {"crop": "scale", "width": 102})["message"] == "created"
    detail = api.transformation("python_named")
    assert (detail["allowed_for_strict"], detail["used"], detail["info"]) == (True, False, [{"crop": "scale", "width": 102}])
    api.update_transformation("python_named", unsafe_update={"crop": "scale", "width": 103})
    assert api.transformation("python_named")["info"] == [{"crop": "scale", "width": 103}]
    url, _ = cloudinary.utils.cloudinary_url("life/t", transformation="python_named", format="jpg", secure=False)
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
    named = api.transformations(named=True, max_results=500)["transformations"]
    assert [item["name"] for item in named] == ["t_python_named"], named
    for gone in ["python_named", {"crop": "scale", "width": 101}]:
        assert api.delete_transformation(gone)["message"] == "deleted"
        refused(NotFound, api.transformation, gone)
    uploader.destroy("life/t")

    # Streaming profiles.
    square = [{"transformation": {"crop": "limit", "width": 1200, "height": 1200, "bit_rate": "5m"}}]
    made = api.create_streaming_profile("python_square", representations=square)["data"]
    expected = [{"transformation": [{"bit_rate": "5m", "crop": "limit", "height": 1200, "width": 1200}]}]
    assert made["representations"] == expected and made["predefined"] is False, made
    assert "python_square" in [item["name"] for item in api.list_streaming_profiles()["data"]]
    assert api.get_streaming_profile("python_square")["data"]["representations"] == expected
    changed = api.update_streaming_profile("python_square", representations=[{"transformation": {"width": 5}}])["data"]
    assert changed["representations"] == [{"transformation": [{"width": 5}]}], changed
    assert api.delete_streaming_profile("python_square")["message"] == "deleted"
    refused(NotFound, api.get_streaming_profile, "python_square")
    assert len(api.get_streaming_profile("full_hd")["data"]["representations"]) == 6

    # A remote picture, uploaded and fetched.
    stored = uploader.upload(remote, public_id="life/remote")
    url, _ = cloudinary.utils.cloudinary_url(remote, type="fetch", width=50, crop="scale", secure=False)
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
    with urllib.request.urlopen(cloudinary.utils.cloudinary_url(remote, type="fetch", secure=False)[0]) as answer:
        assert len(answer.read()) == stored["bytes"]
    assert ids(api.resources(type="fetch")) == [remote]

    # Derived assets, and the end.
    derived = api.resource(remote, type="fetch")["derived"]
    assert [item["transformation"] for item in derived] == ["c_scale,w_50"], derived
    assert api.delete_derived_resources([derived[0]["id"]])["deleted"] == {derived[0]["id"]: "deleted"}
    assert api.resource_types()["resource_types"] == ["image", "raw", "video"]
    extra = uploader.upload_image(photo, public_id="life/extra", eager=[{"width": 20, "crop": "scale"}])
    assert (extra.public_id, extra.metadata["eager"][0]["width"]) == ("life/extra", 20), extra.metadata
    answer = api.delete_derived_by_transformation("life/extra", {"width": 20, "crop": "scale"})
    assert answer["deleted_counts"]["life/extra"] == {"original": 0, "derived": 1}, answer
    other = uploader.upload_resource(photo, public_id="life/other").metadata
    answer = api.delete_resources_by_asset_ids([extra.metadata["asset_id"], other["asset_id"]])
    assert set(answer["deleted"].values()) == {"deleted"} and len(answer["deleted"]) == 2, answer
    gone = api.delete_resources(["life/a", "life/nobody"])
    assert gone["deleted"] == {"life/a": "deleted", "life/nobody": "not_found"}, gone
    assert gone["deleted_counts"]["life/a"] == {"original": 1, "derived": 0} and gone["partial"] is False, gone
    uploader.add_tag("end", ["life/b"])
    assert api.delete_resources_by_tag("end")["deleted"] == {"life/b": "deleted"}
    assert api.delete_resources_by_prefix("life/")["deleted"] == {"life/remote": "deleted"}
    assert api.delete_all_resources(type="fetch")["deleted"] == {remote: "deleted"}
    print(json.dumps({}))


if __name__ == "__main__":
    main(*sys.argv[1:])
