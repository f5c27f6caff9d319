import json

from door import call

from kpi_gate.serving import places
from kpi_gate.serving.http.keys import Keys
from kpi_gate.workspace import Workspace


def test_a_key_is_made_listed_and_revoked(project):
    code, out, err = call("key", "new", "checkout", "--use-case", "toy")
    assert code == 0, err
    assert "checkout may decide on toy" in err
    keys = Keys(places.keys(Workspace()))
    key = keys.find(out.strip())
    assert (key.name, key.scopes, key.use_cases) == ("checkout", ("decide",), ("toy",))
    code, out, _ = call("key", "new", "boss", "--scope", "admin", "--scope", "read", "--json")
    assert json.loads(out)["scopes"] == ["read", "admin"]
    code, out, _ = call("key", "list", "--json")
    assert [one["name"] for one in json.loads(out)] == ["checkout", "boss"]
    assert key.hash not in out
    assert call("key", "revoke", key.id)[1] == f"Revoked {key.id} of checkout.\n"
    code, out, _ = call("key", "list")
    assert "boss" in out
    assert "read, admin on all use cases" in out
    assert "checkout" not in out


def test_what_is_wrong_with_a_call_is_said_in_a_line(project):
    for words, told in (
        (["new", "x", "--scope", "root"], "--scope == root, must be of decide, read, admin"),
        (["new", "x", "--use-case", "tyo"], "tyo"),
        (["new", ""], "a key has a name"),
        (["revoke", "x"], "'x' is not one key; there are: none"),
    ):
        code, out, err = call("key", *words)
        assert code != 0
        assert not out
        assert told in err
        assert err.count("\n") == 1
    assert call("key", "list")[1] == "No keys. Make one: kpi-gate key new NAME\n"
