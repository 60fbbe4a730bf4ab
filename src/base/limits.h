/* SPDX-License-Identifier: Apache-2.0 */
/* Every compile-time maximum of Ward. Documented in docs/spec/limits.md; a test compares. */
#pragma once

#define WARD_BUF_MAX (64u << 20)             /* bytes in one growable buffer */
#define WARD_PATH_MAX 4096                   /* bytes in a path, with its NUL */
#define WARD_JSON_BYTES_MAX (16u << 20)      /* bytes in a JSON text */
#define WARD_JSON_DEPTH_MAX 64               /* nesting of a JSON text */
#define WARD_JSON_NUMBER_MAX 400             /* characters of one JSON number */
#define WARD_YAML_BYTES_MAX (1u << 20)       /* bytes in a YAML text, or in a policy document of either form */
#define WARD_YAML_NODES_MAX 100000           /* values of a YAML text, those of aliases counted each time */
#define WARD_YAML_ALIASES_MAX 1000           /* anchors of a YAML text, and aliases */
#define WARD_DOCS_MAX 64                     /* policy documents of one run */
#define WARD_DOC_PROFILES_MAX 1024           /* profiles of one document */
#define WARD_DOC_RULES_MAX 16384             /* rules of one list, those that it takes over included */
#define WARD_DOC_ENV_MAX 1024                /* variables that one profile names */
#define WARD_DOC_TOTAL_MAX 262144            /* rules and takings over of all profiles together */
#define WARD_DOC_CHAIN_MAX 32                /* profiles that take over from one another, in a row */
#define WARD_DOC_VISITS_MAX 4096             /* profiles that one takes over from, each as often as it is met */
#define WARD_DOC_NAME_MAX 128                /* bytes in the name of a policy or a profile */
#define WARD_DOC_PAIRS_MAX 16384             /* looks at pairs of rules in one check, those at what they match counted 17 times */
#define WARD_DOC_WARNINGS_MAX 1000           /* warnings kept; the rest is counted */
#define WARD_POLICY_QUESTIONS_MAX 10000      /* questions in one file of ward policy test or diff */
#define WARD_POLICY_PROBES_MAX 2097152       /* different questions that ward policy diff asks */
#define WARD_POLICY_TOOLS_BYTES_MAX (256u << 20) /* bytes that these two keep */
#define WARD_SNAPSHOT_BYTES_MAX (16u << 20)  /* bytes in the stored policies of one run */
#define WARD_SNAPSHOTS_MAX 4096              /* of them beside one log; those longest unused go */
#define WARD_SNAPSHOTS_BYTES_MAX (1u << 30)  /* and bytes of all of them */
#define WARD_LAYER_FILES_MAX 256             /* files in one directory of policies */
#define WARD_LAYER_FILE_BYTES_MAX (1u << 20) /* bytes in one of them */
#define WARD_LAYER_BYTES_MAX (8u << 20)      /* bytes in all of them */
#define WARD_TRUST_PINS_MAX 4096             /* repositories that one user trusts */
#define WARD_TRUST_BYTES_MAX (4u << 20)      /* bytes in the file that lists them */
#define WARD_CAPFILE_BYTES_MAX (1u << 20)    /* bytes in a capability file */
#define WARD_CAPS_MAX 4096                   /* capabilities of one run */
#define WARD_PORT_RANGES_MAX 16              /* ports and ranges of ports in one endpoint */
#define WARD_GLOB_MATCHES_MAX 1024           /* paths that one pattern may bind */
#define WARD_GLOB_WALK_MAX 200000            /* entries looked at for one pattern */
#define WARD_GIT_GUARDED_MAX 1024            /* names that git obeys, and links on the way to them */
#define WARD_PERSIST_LOOKED_MAX 131072       /* names looked at below what may be written, for those that run code later */
#define WARD_PERSIST_DEPTH_MAX 64            /* directories below one that is granted that they are looked for in */
#define WARD_PERSIST_TIME_MS 1000            /* milliseconds of a processor that it may take */
#define WARD_PERSIST_WAIT_MS 10000           /* milliseconds that it may take, however busy the machine is */
#define WARD_PERSIST_NAMES_MAX 1024          /* of them held */
#define WARD_PERSIST_PROBED_MAX 256          /* directories whose names of that kind are asked for one by one */
#define WARD_PERSIST_INSIDE_MAX 16384        /* names in directories that are held, over all, looked at for links and second names */
#define WARD_LATE_NAMES_MAX 256              /* of them listed at the end of one run */
#define WARD_PATTERN_BYTES_MAX 8192          /* bytes in the text of a file pattern */
#define WARD_PATTERN_NEST_MAX 4              /* braces in braces of a file pattern */
#define WARD_PATTERN_ALTERNATIVES_MAX 256    /* patterns without braces that one with braces stands for */
#define WARD_PATTERN_PARTS_MAX (256u << 10)  /* characters of all of them together */
#define WARD_PATTERN_STEPS_MAX (64u << 10)   /* steps taken to compare two file patterns */
#define WARD_PATTERNS_MAX 65536              /* file patterns of one set */
#define WARD_PATTERNS_NODES_MAX (1u << 20)   /* places in the tree of a set: common beginnings count once */
#define WARD_PATTERNS_BYTES_MAX (256u << 20) /* bytes that a set of file patterns may take */
#define WARD_MOUNTS_MAX 4096                 /* entries of one view */
#define WARD_ARGV_BYTES_MAX (2u << 20)       /* argv and environment together */
#define WARD_VIOLATION_NAMES_MAX 256         /* distinct refusals recorded for one run */
#define WARD_VIOLATION_OVER_MAX 1024         /* refusals beyond the first names that were asked for, looked up in 8 seconds */
#define WARD_VIOLATION_OVER_BYTES_MAX (1u << 20) /* bytes of their names that wait to be looked up */
#define WARD_PENDING_BYTES_MAX (1u << 20)    /* bytes in a file of LOG.runs: what is to be known of a run that dies */
#define WARD_PENDING_DEAD_MAX 16             /* dead runs that a start cleans up after */
#define WARD_WORKSPACE_RECORD_MAX (64u << 10) /* bytes in the record of a workspace under review */
#define WARD_WORKSPACE_COMMAND_MAX 4096      /* of the command's words in it */
#define WARD_INDEX_BYTES_MAX (64u << 20)      /* bytes of an index of git's that is compared, and of all that a start remembers */
#define WARD_INDEXES_MAX 256                 /* indexes of git's, and references that landed, that are remembered with a run */
#define WARD_WORKSPACES_MAX 65536            /* workspaces of one store that are looked at */
#define WARD_PENDING_LOOKS_MAX 4096          /* names of LOG.runs that a start looks at */
#define WARD_AUDIT_LINE_MAX (256u << 10)     /* bytes in one audit record */
#define WARD_CEDAR_TEXT_MAX (64u << 20)      /* bytes in a policy or schema text */
#define WARD_CEDAR_JSON_BYTES_MAX (512u << 20) /* bytes in a JSON text of policies, schema, entities or context */
#define WARD_CEDAR_JSON_DEPTH_MAX 2200       /* nesting of such a text */
#define WARD_CEDAR_BYTES_MAX (4ull << 30)    /* bytes that one policy set, schema or entity store may take */
#define WARD_CEDAR_TREE_MAX (1ull << 30)     /* bytes of what is read at once: an entity, a context, a schema in JSON */
#define WARD_CEDAR_DEPTH_MAX 1000            /* nesting of an expression, a type or a value */
#define WARD_CEDAR_CLOSURE_MAX (64u << 20)   /* steps taken to close the hierarchies of a schema, each */
#define WARD_CEDAR_ANCESTORS_MAX (64u << 20) /* ancestors of all entities of a store; those of equal parents count once */
#define WARD_CEDAR_STEPS_MAX (2ull << 30)    /* steps, some nanoseconds each, of validating one policy */
#define WARD_CEDAR_DIAGS_MAX 100             /* findings kept; the rest is counted */
#define WARD_ASKS_MAX 64                     /* rules that a person is asked about before one start, and endpoints in one run */
#define WARD_ASK_THINGS_MAX 1024             /* names that one of these rules is asked about at */
#define WARD_LAYER_PATH_MAX 65536            /* bytes of the path of a directory of a watched layer, with its NUL */
#define WARD_LAYER_NAMES_MAX 8388608         /* bytes of names of directories of a watched layer that are still to be looked at */
#define WARD_SAMPLE_PIDS_MAX 65536           /* processes of one run that are looked at where no cgroup counts their memory */
#define WARD_SAMPLE_WAITING_MAX 16384        /* connections of TCP inside that nobody has accepted */
#define WARD_SAMPLE_CONNECTIONS_MAX 262144   /* connections and listeners inside that are looked at for them */
#define WARD_REASON_MAX 256                  /* bytes in the reason that ward stop gives */
#define WARD_DETAIL_TEXT_MAX 4096            /* bytes of one text that the sandbox chose, in a record */
#define WARD_RELAY_FLOWS_MAX 8192            /* connections of one run at a time */
#define WARD_RELAY_HELD_MAX (64u << 10)      /* bytes that the relay keeps of one */
#define WARD_RELAY_KEPT_MAX (32u << 20)      /* of all, waiting to be judged; and as many again on their way */
#define WARD_RELAY_FIRST_MS 5000             /* milliseconds from a client's first byte to the one that says what it speaks */
#define WARD_RELAY_GATE_MS 60000             /* milliseconds that a connection waits for its verdict and its server */
#define WARD_RELAY_NAMES_MAX 256             /* names that the relay waits for at a time */
#define WARD_RELAY_ASKERS_MAX 1024           /* and clients that wait for them */
#define WARD_RELAY_KNOWN_MAX 64              /* names whose answers the relay keeps */
#define WARD_RELAY_KNOWN_MS 1000             /* milliseconds that it keeps one */
#define WARD_RELAY_ANSWER_MS 10000           /* milliseconds that a name is waited for */
#define WARD_RELAY_RECORDS_MAX 16            /* records of TLS that one ClientHello comes in */
#define WARD_EGRESS_NAMES_MAX 4096           /* names that one run may reach by the network */
#define WARD_EGRESS_FLOWS_MAX 16384          /* connections of one run that the gate knows at a time */
#define WARD_EGRESS_DIALS_MAX 128            /* of them being dialled at a time; the others wait */
#define WARD_EGRESS_SLOW_MAX 512             /* beside them, of those that have been for a second while others wait */
#define WARD_EGRESS_HELD_MAX 64              /* connections that wait for a person's answer at a time */
#define WARD_EGRESS_HOLD_MS 50000            /* milliseconds that one waits for it */
#define WARD_EGRESS_TUNNELS_MAX 1024         /* asked of the host's proxy beside them; more count as being dialled */
#define WARD_EGRESS_SERVICES_MAX 64         /* services (SRV) that one run may ask for */
#define WARD_EGRESS_SERVERS_MAX 16          /* of a service that are told */
#define WARD_EGRESS_LOOKUPS_MAX 64           /* names being looked up outside at a time; the others wait */
#define WARD_EGRESS_LOOKUPS_SLOW_MAX 256     /* beside them, of those that have been for a second while others wait */
#define WARD_EGRESS_ADDRESSES_MAX 16         /* addresses of one name that are looked at, of each family */
#define WARD_EGRESS_LOOKUPS_RATE 64          /* of them begun a second, once WARD_EGRESS_LOOKUPS_BURST were */
#define WARD_EGRESS_LOOKUPS_BURST 512        /* begun before that rate holds */
#define WARD_EGRESS_ASKED_RATE 5000          /* names, and connections from the host, judged a second; at first twice as many */
#define WARD_EGRESS_OPENED_RATE 20000        /* connections of a run, in the same way */
#define WARD_EGRESS_ALIKE_MAX 4096           /* different things of each kind that the network part of a run tells; more are counted */
#define WARD_RULE_WRITTEN_MAX 4096           /* bytes of a policy in records and answers, as it was written */
#define WARD_BOOK_PROGRAMS_MAX 64             /* programs that rules about connecting name */
#define WARD_PROGRAM_TEXT_MAX 256             /* bytes of the path of a program that connects, with a NUL */
#define WARD_EGRESS_BUDGETS_MAX 64            /* rules with limits of their own that are used in one run */
#define WARD_EGRESS_UNSEEN_MAX 256           /* addresses that rules forbid, beside which a name still goes by the host's proxy */
#define WARD_EGRESS_IDLE_MS 3600000          /* milliseconds without a byte either way, after which a connection ends */
#define WARD_PUBLISH_MAX 16                  /* ports of one run that the host reaches */
#define WARD_PUBLISH_SOCKETS_MAX 32          /* and the listening sockets for them */
#define WARD_INWARD_DIALS_MAX 32             /* connections to servers inside that are being made at a time */
#define WARD_INWARD_DIAL_MS 5000             /* and for as long */
#define WARD_INWARD_END_MS 60000             /* without a byte, once the server inside has ended its side */
#define WARD_INWARD_FLOWS_MAX 1024           /* connections from the host to one run at a time */
#define WARD_DNS_CNAMES_MAX 16               /* aliases that one name may lead through */
#define WARD_COMMIT_STEPS_MAX 2000000        /* objects that one commit makes, replaces or removes */
#define WARD_JOURNAL_BYTES_MAX (1u << 30)    /* bytes of their descriptions in its journal */
#define WARD_LIVE_OBJECTS_MAX 1000000u        /* objects of a layer that are looked at while its run lives (--review=live) */
#define WARD_LANDED_BYTES_MAX (256u << 20)   /* bytes of what is noted of changes that were made real while their run lives */
#define WARD_HOSTS_BYTES_MAX (16u << 20)     /* bytes of /etc/hosts that are read */
#define WARD_RESOLV_CONF_BYTES_MAX (1u << 20) /* bytes of /etc/resolv.conf that are read */
#define WARD_CHANGES_MAX 4000000u            /* changes of one run under review */
#define WARD_CHANGE_DEPTH_MAX 512            /* directories in one another that they may be in */
#define WARD_RENAME_BYTES_MAX (256u << 20)   /* bytes read to find out what was renamed */
#define WARD_SIMILAR_BYTES_MAX (16u << 20)   /* and to find out what was moved and changed */
#define WARD_DIFF_FILE_MAX (32u << 20)       /* bytes of a file whose lines ward diff shows */
#define WARD_DIFF_LINES_MAX 2000000u         /* and lines */
#define WARD_DIFF_STEPS_MAX (1u << 30)       /* steps taken to find out which lines changed */
