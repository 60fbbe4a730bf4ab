/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of other tools that are given as a policy document: what such a file is, by the names at its top, and what says the same in
 * Ward. Nothing is read of it: whoever confines by another's words has to know what of them holds here.
 */
#include "policy/doc/internal.h"

static const struct {
	const char *key, *below; /* below: a name in the object that key has; NULL: key alone */
	const char *what, *fix;
} foreign[] = {
	{ "permissions", "allow", "the permissions of an agent (Claude Code, Cursor)",
		"deny of Read(P) is spec.denyRead, of Edit(P) denyModify; allow of Bash(PROGRAM ...) is a profile's allowExec, of WebFetch(domain:HOST) its network.allow" },
	{ "permissions", "deny", "the permissions of an agent (Claude Code, Cursor)",
		"deny of Read(P) is spec.denyRead, of Edit(P) denyModify; allow of Bash(PROGRAM ...) is a profile's allowExec, of WebFetch(domain:HOST) its network.allow" },
	{ "permissions", "ask", "the permissions of an agent (Claude Code, Cursor)",
		"ask is a rule of Cedar with @approval; deny of Read(P) is spec.denyRead, of Edit(P) denyModify; allow of Bash(PROGRAM ...) is a profile's allowExec" },
	{ "filesystem", "denyRead", "settings of sandbox-runtime (srt)",
		"filesystem.denyRead and denyWrite are spec.denyRead and denyModify; allowWrite is a profile's modify, network.allowedDomains its network.allow" },
	{ "filesystem", "allowWrite", "settings of sandbox-runtime (srt)",
		"filesystem.denyRead and denyWrite are spec.denyRead and denyModify; allowWrite is a profile's modify, network.allowedDomains its network.allow" },
	{ "network", "allowedDomains", "settings of sandbox-runtime (srt)",
		"network.allowedDomains is the network.allow of a profile, as HOST:443; filesystem.denyRead and denyWrite are spec.denyRead and denyModify" },
	{ "defaultAction", NULL, "a seccomp profile",
		"system calls are held by Ward's own list, whatever is granted; say what may be read, modified, started and connected to" },
	{ "ociVersion", NULL, "the configuration of a container",
		"mounts are read and modify of a profile, process.env its env, linux.resources its limits" },
	{ "dockerFile", NULL, "a devcontainer.json",
		"mounts are read and modify of a profile, containerEnv its env" },
	{ "image", NULL, "a devcontainer.json, or another description of a container",
		"mounts are read and modify of a profile, containerEnv its env" },
	{ "mcpServers", NULL, "settings of an agent, with its MCP servers",
		"what such a server may do is said where it is started: ward run OPTIONS -- SERVER" },
	{ "tools", "sandbox", "settings of Gemini CLI",
		"tools.allowed is a profile's allowExec; the sandbox is ward itself" },
	{ "apiVersion", NULL, "an object of Kubernetes",
		"egress of a NetworkPolicy is the network.allow of a profile" },
};

static bool has(const struct ward_json *root, const char *key, const char *below)
{
	const struct ward_json *v = ward_json_get(root, key);

	return v && (!below || (v->type == WARD_JSON_OBJECT && ward_json_get(v, below)));
}

const char *ward_doc_foreign(const struct ward_json *root, const char **ret_fix)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(foreign); i++) {
		if (has(root, foreign[i].key, foreign[i].below)) {
			*ret_fix = foreign[i].fix;
			return foreign[i].what;
		}
	}
	return NULL;
}
