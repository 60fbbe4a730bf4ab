# SPDX-License-Identifier: Apache-2.0
"""Policies, entities and requests for bench/cedar: each scenario is three texts, made from a seed.

scope-N    N policies whose scope names one principal, action and resource; no entities
group-N    N policies for N groups of principals; 1,000 users in the groups
attr-N     N policies with conditions on attributes of principal and resource; 1,000 entities
gdrive     the document sharing of the Cedar paper (OOPSLA 2024, arXiv 2403.04651): owners, viewers of folders and documents
github     its repositories: readers, triagers, writers, maintainers, admins, through teams and organisations
tinytodo   its lists: owner, editors, readers, teams
"""
import json
import random


def uid(t, i):
    return {"type": t, "id": str(i)}


def ref(t, i):
    return {"__entity": uid(t, i)}


def entity(t, i, attrs=None, parents=()):
    return {"uid": uid(t, i), "attrs": attrs or {}, "parents": list(parents)}


def request(p, a, r, context=None):
    return {"principal": p, "action": uid("Action", a), "resource": r, "context": context or {}}


def scope(n, rng):
    policies = [f'permit(principal == User::"u{i}", action == Action::"a{i % 7}", resource == Photo::"p{i}");' for i in range(n)]
    requests = [request(uid("User", f"u{i}"), f"a{i % 7}", uid("Photo", f"p{i if rng.random() < 0.7 else i + 1}"))
                for i in (rng.randrange(n) for _ in range(200))]
    return policies, [], requests


def group(n, rng):
    policies = [f'permit(principal in Group::"g{i}", action in [Action::"view", Action::"edit"], resource in Album::"b{i}");' for i in range(n)]
    entities = [entity("User", f"u{i}", {}, [uid("Group", f"g{rng.randrange(n)}"), uid("Group", f"g{i % n}")]) for i in range(500)]
    entities += [entity("Photo", f"p{i}", {}, [uid("Album", f"b{i % n}")]) for i in range(500)]
    entities += [entity("Group", f"g{i}") for i in range(n)] + [entity("Album", f"b{i}") for i in range(n)]
    requests = [request(uid("User", f"u{i}"), "view", uid("Photo", f"p{i if rng.random() < 0.7 else rng.randrange(500)}"))
                for i in (rng.randrange(500) for _ in range(200))]
    return policies, entities, requests


def attr(n, rng):
    policies = [f'permit(principal, action == Action::"a{i}", resource is Doc) when {{ principal.level >= {i % 10} && resource.owner == principal || '
                f'principal.dept == resource.dept && resource.tags.contains("t{i % 20}") && !(context has blocked && context.blocked) }};'
                for i in range(n)]
    entities = [entity("User", f"u{i}", {"level": i % 10, "dept": f"d{i % 5}"}) for i in range(500)]
    entities += [entity("Doc", f"d{i}", {"owner": ref("User", f"u{i % 500}"), "dept": f"d{i % 7}",
                                         "tags": [f"t{(i + k) % 20}" for k in range(4)]}) for i in range(500)]
    requests = [request(uid("User", f"u{rng.randrange(500)}"), f"a{rng.randrange(n)}", uid("Doc", f"d{rng.randrange(500)}"),
                        {"blocked": rng.random() < 0.1}) for _ in range(200)]
    return policies, entities, requests


def gdrive(rng, users=50, docs=50):
    policies = [
        'permit(principal, action in [Action::"read", Action::"write", Action::"share", Action::"changeOwner"], resource) when { principal in resource.ownerView || '
        'resource in principal.ownedDocs || resource in principal.ownedFolders };',
        'permit(principal, action == Action::"read", resource) when { principal in resource.viewers || resource.public };',
        'permit(principal, action in [Action::"createDocument", Action::"createFolder"], resource == Drive::"drive");',
        'forbid(principal, action, resource) when { resource has locked && resource.locked && action != Action::"read" };']
    groups = [entity("Group", f"g{i}") for i in range(10)]
    folders = [entity("Folder", f"f{i}", {}, [uid("Folder", f"f{i // 2}")] if i > 0 else []) for i in range(12)]
    people = [entity("User", f"u{i}", {"ownedDocs": [ref("Doc", f"d{rng.randrange(docs)}") for _ in range(4)],
                                       "ownedFolders": [ref("Folder", f"f{rng.randrange(12)}")]},
                     [uid("Group", f"g{rng.randrange(10)}") for _ in range(2)]) for i in range(users)]
    papers = [entity("Doc", f"d{i}", {"public": rng.random() < 0.2, "locked": rng.random() < 0.1,
                                      "ownerView": [ref("Group", f"g{rng.randrange(10)}")],
                                      "viewers": [ref("Group", f"g{rng.randrange(10)}"), ref("User", f"u{rng.randrange(users)}")]},
                     [uid("Folder", f"f{rng.randrange(12)}")]) for i in range(docs)]
    requests = [request(uid("User", f"u{rng.randrange(users)}"), rng.choice(["read", "write", "share"]), uid("Doc", f"d{rng.randrange(docs)}"))
                for _ in range(500)]
    return policies, groups + folders + people + papers, requests


def github(rng, users=50, repos=50):
    roles = [("pull", "readers"), ("fork", "readers"), ("assign_issue", "triagers"), ("delete_issue", "triagers"), ("edit_issue", "writers"),
             ("push", "writers"), ("delete_branch", "maintainers"), ("add_reader", "admins"), ("add_triager", "admins"), ("add_writer", "admins")]
    policies = [f'permit(principal, action == Action::"{a}", resource) when {{ principal in resource.{r} }};' for a, r in roles]
    names = ["readers", "triagers", "writers", "maintainers", "admins"]
    entities = []
    for i in range(repos):
        entities.append(entity("Repository", f"r{i}", {n: ref("UserGroup", f"r{i}.{n}") for n in names}))
        for k, n in enumerate(names):
            entities.append(entity("UserGroup", f"r{i}.{n}", {}, [uid("UserGroup", f"r{i}.{names[k - 1]}")] if k > 0 else []))
    for i in range(20):
        entities.append(entity("Team", f"t{i}", {}, [uid("UserGroup", f"r{rng.randrange(repos)}.{rng.choice(names)}") for _ in range(3)] +
                               ([uid("Team", f"t{i // 2}")] if i > 0 else [])))
    for i in range(users):
        entities.append(entity("User", f"u{i}", {}, [uid("Team", f"t{rng.randrange(20)}"), uid("UserGroup", f"r{rng.randrange(repos)}.{rng.choice(names)}")]))
    requests = [request(uid("User", f"u{rng.randrange(users)}"), rng.choice(roles)[0], uid("Repository", f"r{rng.randrange(repos)}")) for _ in range(500)]
    return policies, entities, requests


def tinytodo(rng, users=50, lists=50):
    policies = [
        'permit(principal, action in [Action::"CreateList", Action::"GetLists"], resource == Application::"TinyTodo");',
        'permit(principal, action, resource is List) when { resource.owner == principal };',
        'permit(principal, action == Action::"GetList", resource is List) when { principal in resource.readers || principal in resource.editors };',
        'permit(principal, action in [Action::"UpdateList", Action::"CreateTask", Action::"UpdateTask", Action::"DeleteTask"], resource is List) '
        'when { principal in resource.editors };',
        'forbid(principal in Team::"interns", action == Action::"CreateList", resource == Application::"TinyTodo");']
    teams = ["interns", "temp", "admin", "t3", "t4", "t5"]
    entities = [entity("Application", "TinyTodo")] + [entity("Team", t, {}, [uid("Team", teams[i // 2])] if i > 2 else []) for i, t in enumerate(teams)]
    entities += [entity("User", f"u{i}", {"joblevel": i % 8, "location": "ABC17"}, [uid("Team", rng.choice(teams)), uid("Application", "TinyTodo")]) for i in range(users)]
    entities += [entity("List", f"l{i}", {"owner": ref("User", f"u{rng.randrange(users)}"), "name": f"list {i}", "readers": ref("Team", f"l{i}.readers"),
                                          "editors": ref("Team", f"l{i}.editors")}, [uid("Application", "TinyTodo")]) for i in range(lists)]
    for i in range(lists):
        entities += [entity("Team", f"l{i}.readers"), entity("Team", f"l{i}.editors")]
    for e in entities:
        if e["uid"]["type"] == "User":
            e["parents"] += [uid("Team", f"l{rng.randrange(lists)}.{rng.choice(['readers', 'editors'])}") for _ in range(2)]
    requests = [request(uid("User", f"u{rng.randrange(users)}"), rng.choice(["GetList", "UpdateList", "CreateTask", "DeleteList"]),
                        uid("List", f"l{rng.randrange(lists)}")) for _ in range(500)]
    return policies, entities, requests


PAPER = {"gdrive": gdrive, "github": github, "tinytodo": tinytodo}
COUNTED = {"scope": scope, "group": group, "attr": attr}


def make(name, seed=1):
    """(policies.cedar, entities.json, requests.jsonl) as texts."""
    rng = random.Random(f"{name}/{seed}")
    if name in PAPER:
        policies, entities, requests = PAPER[name](rng)
    else:
        kind, n = name.split("-")
        policies, entities, requests = COUNTED[kind](int(n), rng)
    return "\n".join(policies) + "\n", json.dumps(entities), "".join(json.dumps(r) + "\n" for r in requests)
