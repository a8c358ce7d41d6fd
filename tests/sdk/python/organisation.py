"""People and keys of an account with the official Python SDK's provisioning module, then a contractor's narrow key.

Everything about the server comes from the environment: CLOUDINARY_URL and CLOUDINARY_ACCOUNT_URL. Argument: the photo.
"""

import base64
import datetime
import json
import os
import sys
import urllib.parse
import urllib.request

import cloudinary
import cloudinary.api
import cloudinary.provisioning as provisioning
import cloudinary.uploader
from cloudinary.exceptions import AlreadyExists, AuthorizationRequired, BadRequest, NotAllowed, NotFound


def refused(error, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except error as refusal:
        return str(refusal)
    raise AssertionError(f"{call.__name__} was not refused")


def permit(environment, key, rules):
    """What has no SDK yet: the rules of a key, by the API beside the vendor's."""
    account = urllib.parse.urlparse(os.environ["CLOUDINARY_ACCOUNT_URL"])
    prefix = cloudinary.config().upload_prefix
    path = f"/v1_1/provisioning/accounts/{account.hostname}/sub_accounts/{environment}/access_keys/{key}/permissions"
    credentials = base64.b64encode(f"{account.username}:{account.password}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    body = json.dumps({"rules": rules}).encode()
    with urllib.request.urlopen(urllib.request.Request(prefix + path, body, headers, method="PUT")) as answer:
        return json.load(answer)


def people(environment):
    # A user that never signed in is pending, and every environment is theirs unless some are named.
    user = provisioning.create_user("Ada Lovelace", "ada@example.com", "billing")
    assert user["pending"] is True and user["all_sub_accounts"] is True, user
    assert (user["first_name"], user["last_name"], user["role"]) == ("Ada", "Lovelace", "billing"), user
    assert "exists" in refused(AlreadyExists, provisioning.create_user, "Ada", "ADA@example.com", "admin")
    assert "role" in refused(BadRequest, provisioning.create_user, "Eve", "eve@example.com", "emperor")
    assert "email" in refused(BadRequest, provisioning.create_user, "Eve", "eve at example", "admin")
    wrong = "0" * 32
    assert f"Cannot find sub account with id {wrong}" in refused(
        NotFound, provisioning.create_user, "Eve", "eve@example.com", "admin", [wrong]
    )
    other = provisioning.create_user("Bob Builder", "bob@example.com", "media_library_user", [environment])
    assert other["sub_account_ids"] == [environment], other

    def ids(**filters):
        return {found["id"] for found in provisioning.users(**filters)["users"]}

    both = {user["id"], other["id"]}
    assert ids(user_ids=list(both)) == both
    assert ids(user_ids=[user["id"]], status="pending") == {user["id"]}
    assert ids(user_ids=[user["id"]], status="active") == set()
    assert ids(prefix="ada") == {user["id"]}
    assert ids(sub_account_id=environment) >= both
    today = datetime.datetime.now(datetime.timezone.utc)
    assert ids(last_login=True, from_date=today, to_date=today) & both == set()
    assert ids(last_login=False, from_date=today, to_date=today) >= both
    renamed = provisioning.update_user(user["id"], name="Ada King", role="reports")
    assert (renamed["name"], renamed["role"]) == ("Ada King", "reports"), renamed
    assert provisioning.user(user["id"])["name"] == "Ada King"

    group = provisioning.create_user_group("Photographers")
    assert "exists" in refused(AlreadyExists, provisioning.create_user_group, "Photographers")
    assert provisioning.update_user_group(group["id"], "Editors")["name"] == "Editors"
    members = provisioning.add_user_to_group(group["id"], user["id"])["users"]
    assert [member["id"] for member in members] == [user["id"]], members
    assert provisioning.user_group_users(group["id"])["users"][0]["email"] == "ada@example.com"
    assert [found["name"] for found in provisioning.user_in_user_groups(user["id"])["groups"]] == ["Editors"]
    assert provisioning.user_groups()["user_groups"][0]["id"] == group["id"]
    assert provisioning.remove_user_from_group(group["id"], user["id"])["users"] == []
    assert provisioning.delete_user_group(group["id"])["ok"] is True
    for made in both:
        assert provisioning.delete_user(made)["message"] == "ok"
    refused(NotFound, provisioning.user, user["id"])


def contractor(environment, photo):
    key = provisioning.generate_access_key(environment, name="contractor")
    narrow = {"api_key": key["api_key"], "api_secret": key["api_secret"]}
    permit(environment, key["api_key"], ["POST /:resource_type/upload in clients/acme"])
    stored = cloudinary.uploader.upload(photo, public_id="acme", asset_folder="clients/acme", **narrow)
    assert stored["asset_folder"] == "clients/acme", stored
    elsewhere = refused(AuthorizationRequired, cloudinary.uploader.upload, photo, asset_folder="clients/other", **narrow)
    assert "no permission for this call" in elsewhere and "only in clients/acme" in elsewhere, elsewhere
    refused(AuthorizationRequired, cloudinary.uploader.upload, photo, **narrow)
    refused(AuthorizationRequired, cloudinary.uploader.destroy, "acme", **narrow)
    listing = refused(NotAllowed, cloudinary.api.resources, **narrow)
    assert "assets:read" in listing, listing
    assert cloudinary.uploader.destroy("acme")["result"] == "ok"
    assert provisioning.delete_access_key(environment, key["api_key"])["message"] == "ok"


def main(photo):
    environments = provisioning.sub_accounts(enabled=True)["sub_accounts"]
    environment = next(found["id"] for found in environments if found["cloud_name"] == cloudinary.config().cloud_name)
    people(environment)
    contractor(environment, photo)
    print(json.dumps({"environment": environment}))


if __name__ == "__main__":
    main(*sys.argv[1:])
