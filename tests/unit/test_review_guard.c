/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a layer's changes is asked about: each vector is what the project has, what was changed, and a letter for each change (n: nothing,
 * r: risky, c: critical). Changes: "+f" "+d/" new, "~f" other content, "%f" other mode, "-f" "-d/" gone, ">old=new" renamed,
 * "@link=target" a new link, "!f" new with a set-ID bit, "^f" a device's or directory's place taken by a file.
 */
#include <sys/resource.h>
#include <sys/xattr.h>
#include <time.h>

#include "resolve_util.h"
#include "os/os.h"
#include "run/review/judge.h"

/* clang-format off */
static const struct vector {
	const char *have, *changes, *want;
} vectors[] = {
	/* git, where there is a repository */
#define REPO ".git/HEAD .git/objects/x .git/refs/x .git/config .git/hooks/pre-commit.sample "
	{ REPO, "+.git/hooks/pre-commit", "r" },
	{ REPO, "%.git/hooks/pre-commit.sample", "r" },
	{ REPO, ">.git/hooks/pre-commit.sample=.git/hooks/pre-commit", "r" },
	{ REPO, ">tool=.git/hooks/post-checkout", "r" },
	{ REPO, "@.git/hooks/pre-commit=../../tool", "r" },
	{ REPO, "@.git/hooks=../tools", "r" },
	{ REPO, "~.git/config", "r" },
	{ REPO, "+.git/config.worktree", "r" },
	{ REPO, "-.git/config", "r" },
	{ REPO, "+.git/commondir", "r" },
	{ REPO, "+.git/info/ +.git/info/attributes", "rr" },
	{ REPO, "+.git/rebase-merge/ +.git/rebase-merge/git-rebase-todo", "rr" },
	{ REPO, "+.git/modules/s/HEAD +.git/modules/s/objects/ +.git/modules/s/refs/ +.git/modules/s/config", "rrrr" },
	{ REPO, "+.git/worktrees/w/ +.git/worktrees/w/HEAD +.git/worktrees/w/commondir +.git/worktrees/w/gitdir", "rrrr" },
	{ REPO, "+.GIT/Hooks/pre-commit", "r" },
	{ REPO ".git/modules/s/HEAD .git/modules/s/objects/x .git/modules/s/refs/x .git/modules/s/config", "~.git/modules/s/config", "r" },
	{ REPO, "+.git/hooks/pre-commit=sh\\utools/x.sh +tools/x.sh +tools/y.sh", "rrn" },
	{ "", "+.envrc=.\\ua.sh +a.sh=.\\ub.sh +b.sh +c.sh", "rrrn" },
	{ "", "+.envrc=.\\u\"run,me.sh\" +run,me.sh +a@b", "rrn" },
	{ REPO, "~.git/config=[alias]\\n\\tst=!tools/st\\n +tools/st", "rr" },
	{ REPO, "~.git/config=[trailer\\u\"x\"]\\n\\tcmd=tools/st\\n +tools/st", "rr" },
	{ REPO, "^.git", "r" },
	{ REPO, "@.git=evil", "r" },
	{ REPO, ">.git=old.git", "r" },
	/* where there is none yet */
	{ "", "+.git/ +.git/HEAD +.git/objects/ +.git/refs/ +.git/config +.git/hooks/ +.git/hooks/post-checkout", "rrrrrrr" },
	{ "", "+sub/.git", "r" },
	{ "", "+a/b/c/.GIT", "r" },
	{ "", "@sub/.git=../x", "r" },
	{ "", "+HEAD +objects/ +refs/ +config", "rrrr" },
	{ "", "+b/HEAD +b/objects/ +b/refs/ +b/config +b/x", "rrrrr" },
	{ "", "+b/head +b/Objects/ +b/REFS/ +b/config", "rrrr" },
	{ "b/objects/x b/refs/x", "+b/HEAD +b/config", "rr" },
	{ "b/HEAD b/refs/x", "@b/objects=../o +b/hooks/x", "rr" },
	{ "b/HEAD b/objects/x", ">r=b/refs", "r" },
	{ "", "+w/HEAD +w/commondir +w/config", "rrr" },
	{ "bare/HEAD bare/objects/x bare/refs/x bare/config", "~bare/config +bare/hooks/update", "rr" },
	{ "bare/HEAD bare/objects/x bare/refs/x bare/config", "-bare/HEAD -bare/objects/x", "rr" },
	/* what its configuration and the project's links lead to */
	{ REPO ".git/config=[core]\\n\\thooksPath=tools/hooks\\n", "+tools/hooks/pre-push", "r" },
	{ REPO ".git/config=[core]\\n\\thooksPath=tools/hooks\\n", ">x=tools", "r" },
	{ REPO ".git/config=[core]\\n\\thooksPath=tools/hooks\\n", "@tools=elsewhere", "r" },
	{ REPO ".git/config=[core]\\n\\thooksPath=tools/hooks\\n tools/hooks/pre-push", "%tools/hooks/pre-push", "r" },
	{ REPO ".git/config=[core]\\n\\tfsmonitor=./watch\\n watch", "~watch", "r" },
	{ REPO ".git/config=[core]\\n\\tfsmonitor=./watch\\n", "+watch", "r" },
	{ REPO ".git/config=[include]\\n\\tpath=../shared.inc\\n shared.inc", "~shared.inc", "r" },
	{ REPO ".git/config=[filter\\u\"x\"]\\n\\tsmudge=tools/smudge\\utool\\n tools/smudge", "~tools/smudge", "r" },
	{ "sub/" REPO, "+sub/.git/hooks/pre-commit", "r" },
	{ "sub/.git/HEAD sub/.git/objects/x sub/.git/refs/x sub/.git/config=[core]\\n\\thooksPath=h\\n", "+sub/h/pre-commit", "r" },
	{ ".envrc->scripts/env scripts/env", "~scripts/env", "r" },
	{ ".envrc->scripts/env", "+scripts/env", "r" },
	{ ".vscode->conf/vs conf/vs/x", "+conf/vs/tasks.json", "r" },
	/* names, absent at the start, at depth, by case, by link, by rename */
	{ "", "+.envrc", "r" },
	{ "", "+a/b/c/d/e/.envrc", "r" },
	{ "", "+a/.EnvRC", "r" },
	{ "", "@.envrc=x", "r" },
	{ "", ">x=.envrc", "r" },
	{ ".envrc", "~.envrc", "r" },
	{ ".envrc", "-.envrc", "r" },
	{ "", "+mise.toml", "r" },
	{ "", "+.tool-versions", "r" },
	{ "", "+.bashrc", "r" },
	{ "", "+home/.zshenv", "r" },
	{ "", "+.profile", "r" },
	{ "", "+.config/ +.config/autostart/ +.config/autostart/x.desktop", "nrr" },
	{ "", "+.config/systemd/user/x.service", "r" },
	{ "", "+.ssh/ +.ssh/authorized_keys", "rr" },
	{ "", "+.local/bin/ls", "r" },
	{ "", "+.vscode/ +.vscode/tasks.json", "rr" },
	{ "", "+pkg/.VSCode/settings.json", "r" },
	{ "", "@.vscode=v", "r" },
	{ "", "+x.code-workspace", "r" },
	{ "", "+.idea/workspace.xml", "r" },
	{ "", "+.devcontainer/devcontainer.json", "r" },
	{ "", "+.vimrc", "r" },
	{ "", "+.exrc", "r" },
	{ "", "+.dir-locals.el", "r" },
	{ "", "+.gdbinit", "r" },
	{ "", "+.github/ +.github/workflows/ +.github/workflows/ci.yml", "nrr" },
	{ "", "+.gitlab-ci.yml", "r" },
	{ "", "+Jenkinsfile", "r" },
	{ "", "+.circleci/config.yml", "r" },
	{ "sub/" REPO, "+sub/.github/workflows/x.yml", "r" },
	{ "", "+.pre-commit-config.yaml", "r" },
	{ "", "+.husky/pre-push", "r" },
	{ "", "+.githooks/pre-push", "r" },
	{ "", "+.npmrc", "r" },
	{ "", "+a/b/.yarnrc.yml", "r" },
	{ "", "+.pnpmfile.cjs", "r" },
	{ "", "+pip.conf", "r" },
	{ "", "+.pypirc", "r" },
	{ "", "+.cargo/ +.cargo/config.toml", "nr" },
	{ "", "+build.rs", "r" },
	{ "Cargo.toml", "~Cargo.toml", "r" },
	{ "package.json", "~package.json", "r" },
	{ "", "+a/Package.JSON", "r" },
	{ "", "+setup.py", "r" },
	{ "", "+pyproject.toml", "r" },
	{ "", "+requirements-dev.txt", "r" },
	{ "", "+binding.gyp", "r" },
	{ "", "+.bazelrc", "r" },
	{ "", "+gradle/wrapper/gradle-wrapper.jar", "r" },
	{ "", "+.mvn/extensions.xml", "r" },
	{ "", "+.claude/settings.json", "r" },
	{ "", "+.codex/config.toml", "r" },
	{ "", "+.cursor/mcp.json", "r" },
	{ "", "+.mcp.json", "r" },
	{ "", "+AGENTS.md", "r" },
	{ "", "+CLAUDE.md", "r" },
	{ "", "+.github/copilot-instructions.md", "r" },
	{ "", "+.ward/policy.cedar", "r" },
	{ "", "+conftest.py", "r" },
	{ "", "+v/lib/site-packages/x.pth", "r" },
	{ "", "+v/lib/site-packages/sitecustomize.py", "r" },
	{ "", "+node_modules/x/.git/hooks/pre-commit +node_modules/x/.git", "rr" },
	{ "", "+.netrc", "r" },
	/* what chooses an interpreter or a tool */
	{ "", "+.nvmrc +.node-version +a/.python-version +.ruby-version +.java-version +.sdkmanrc +rust-toolchain +rust-toolchain.toml +.bazelversion "
	      "+.config/direnv/direnvrc +global.json", "rrrrrrrrrrr" },
	{ "", "@.python-version=x >y=b/.nvmrc +a/RUST-TOOLCHAIN", "rrr" },
	/* configuration that is code, which an editor, a linter or a test runner loads by itself */
	{ "", "+eslint.config.js +a/eslint.config.mjs +.eslintrc +.eslintrc.cjs +prettier.config.js +.prettierrc.js +.prettierrc +stylelint.config.js "
	      "+postcss.config.cjs +tailwind.config.ts +babel.config.js +.babelrc.js", "rrrrrrrrrrrr" },
	{ "", "+vite.config.ts +vitest.config.ts +webpack.config.js +webpack.config.prod.js +rollup.config.mjs +jest.config.js +playwright.config.ts "
	      "+karma.conf.js +.mocharc.cjs +next.config.js +svelte.config.js +Vite.Config.TS @vite.config.js=x", "rrrrrrrrrrrrr" },
	{ "", "+tox.ini +pytest.ini +mypy.ini +.flake8 +.pylintrc +.rubocop.yml +.rspec +.luarc.json +.formatter.exs +phpstan.neon.dist +.env", "rrrrrrrrrrr" },
	/* what a package manager obeys, and an import into an editor */
	{ "", "+pom.xml +build.gradle.kts +settings.gradle +gradle.properties +build.sbt +mix.exs +Package.swift +a/w.csproj +Directory.Build.targets "
	      "+pnpm-workspace.yaml +deno.json +x.gemspec +Podfile +flake.nix +CMakePresets.json +NuGet.Config", "rrrrrrrrrrrrrrrr" },
	{ "", "+tools/bazel +.bazeliskrc +.jvmopts +.sbtopts", "rrrr" },
	/* agents, editors and shells */
	{ "", "+.crush.json +.trae/mcp.json +.augment/x +.factory/x +.agents/x +.claude-plugin/plugin.json +gemini-extension.json +CLAUDE.local.md "
	      "+a/AGENT.md +.github/instructions/x.md +.github/prompts/p.md +.goosehints", "rrrrrrrrrrrr" },
	{ "", "+.vs/tasks.vs.json +.nova/Tasks/x.json +.externalToolBuilders/x.launch +.ghci +.octaverc +.perldb +.ipython/profile_default/startup/x.py "
	      "+jupyter_server_config.py +.gnupg/gpg-agent.conf +.git-credentials +.bash_completion +.xonshrc", "rrrrrrrrrrrr" },
	/* build servers and managers of hooks */
	{ "", "+.teamcity/settings.kts +.builds/x.yml +.build.yml +.zuul.yaml +buildspec.yml +cloudbuild.yaml +netlify.toml +.readthedocs.yaml "
	      "+lefthook-local.yml +lint-staged.config.js +.simple-git-hooks.json +simple-git-hooks.cjs +commitlint.config.js", "rrrrrrrrrrrrr" },
	/* one of each line that chooses a version, starts a session, an editor, an agent, a build, or names code of one */
	{ "", "+.config/elvish +.config/starship.toml +.config/sway +.config/i3 +.config/hypr +.local/share/applications "
	      "+.local/share/systemd +.local/share/dbus-1 +.forward +.procmailrc", "rrrrrrrrrr" },
	{ "", "+.autoenv.leave +.autoenv_leave.zsh +.rvmrc +.ruby-gemset +.rbenv-vars +.shadowenv.d +.mise.test.toml "
	      "+mise.production.toml +mise/config.toml +.config/mise.toml", "rrrrrrrrrr" },
	{ "", "+.miserc.toml +.prototools +.go-version +.swift-version +.perl-version +.php-version +.lua-version "
	      "+.terraform-version +.opentofu-version +.terragrunt-version", "rrrrrrrrrr" },
	{ "", "+.fvmrc +.zigversion +lean-toolchain +.pnpmfile.mjs +pdm.toml +.pdm-python +poetry.toml +.pixi/config.toml "
	      "+.mambarc +.sbtrc", "rrrrrrrrrr" },
	{ "", "+ansible.cfg +.ansible.cfg +.gitpod/x +.ona/x +.idx/x +.codesandbox/x +.stackblitzrc +devfile.yaml "
	      "+.devfile.yaml +.neoconf.json", "rrrrrrrrrr" },
	{ "", "+.nlsp-settings/x +.config/emacs +.config/helix +.config/zed +.config/Code +.lapce/x +.tm_properties "
	      "+.gdbearlyinit +renv/activate.R +.iex.exs", "rrrrrrrrrr" },
	{ "", "+.ocamlinit +.amp/x +.kilocode/x +.kilocodemodes +.roomodes +.openhands/x +.pi/x +.copilot/x +.github/hooks "
	      "+.github/lsp.json", "rrrrrrrrrr" },
	{ "", "+lsp.json +.warp/x +.drone.star +.drone.jsonnet +.woodpecker.yaml +.cirrus.star +.forgejo/actions "
	      "+.gitea/actions +.vela.yml +.vela.yaml", "rrrrrrrrrr" },
	{ "", "+.jdbrc +jdb.ini +.psysh.php +.gprc +.sage/init.sage +.gap/gaprc "
	      "+.elvish/rc.elv +.actrc +wp-cli.yml +wp-cli.local.yml +.wp-cli/config.yml +.bash-git-rc", "rrrrrrrrrrrr" },
	{ "", "+buildServer.json +.sourcekit-lsp/x +build.zig +shard.yml +dub.json +dub.sdl "
	      "+x.nimble +Berksfile +Policyfile.rb +Puppetfile +Brewfile +buildout.cfg", "rrrrrrrrrrrr" },
	{ "", "+melos.yaml +bb.edn +user.clj +build.boot +sketch.yaml +arduino-cli.yaml "
	      "+devshell.toml +config.nims +x.nims +xmake.lua +dune +dune-workspace", "rrrrrrrrrrrr" },
	{ "", "+knip.ts +knip.js +knip.config.x +.ncurc.x +docs/conf.py "
	      "+x.pro +x.pri +.qmake.conf +x.qbs +x.bazelproject +root.hcl +terragrunt.hcl +php.ini", "rrrrrrrrrrnnn" },
	{ "", "+workspace.mel +Config/DefaultEngine.ini +x-gdb.gdb +x-gdb.scm +_vale.ini "
	      "+atlantis.yaml +.arcrc", "rrrrrrr" },
	{ "", "+.gitreview +.xserverrc +.xinputrc +.bash_functions +.bashrc.local +.zshrc.local "
	      "+.antigenrc +.zsh_plugins.x +.zinit +.zplug +.ondirrc +.smartcd", "rrrrrrrrrrrr" },
	{ "", "+.localrc +.config/bat +.config/lf +.config/ranger +.config/yazi +.config/vifm/vifmrc "
	      "+.config/mc +.config/neomutt +.neomuttrc +.config/aerc +.config/irssi/config +.irssi/scripts/x.pl", "rrrrrrrrrrrr" },
	{ "", "+.config/weechat/plugins.conf +.weechat/python/autoload/x.py +.config/newsboat +.config/k9s/plugins.yaml +.config/lazydocker +.config/neofetch "
	      "+.config/fastfetch +.config/polybar +.config/rofi +.config/eww +.config/kanshi +.config/autorandr", "rrrrrrrrrrrr" },
	{ "", "+.config/pulse/default.pa +.config/efm-langserver +.local/share/gnome-shell/extensions/x +.local/share/cinnamon +.local/share/plasma +.local/share/nautilus-python "
	      "+.local/share/nvim/site +.local/share/jupyter/kernels/x +.local/share/omf +.local/share/helm/plugins +.config/utop +.config/swi-prolog", "rrrrrrrrrrrr" },
	{ "", "+.ghc/ghci.conf +.tmux/plugins +.aws/cli/alias +.kube/kuberc +.config/docker/daemon.json +.docker/daemon.json "
	      "+.vagrant.d/Vagrantfile +.zig-version +.jabbarc +.phpbrewrc +.julia-version +.rakubrew-version", "rrrrrrrrrrrr" },
	{ "", "+.dvmrc +.haxerc +.helm-version +.atmos-version +.ghc.environment.x +.config/pnpm "
	      "+.config/composer +.composer/vendor +.cabal/config +.config/cabal +.stack/config.yaml +.opam/config", "rrrrrrrrrrrr" },
	{ "", "+.opam/opam-init +.cpan/CPAN +.bundle/plugin +.luarocks/configx +.conanrc +.conan/hooks "
	      "+.conan2/extensions +.nix-channels +.nix-defexpr +.nix-profile +.railsrc +.config/coursier", "rrrrrrrrrrrr" },
	{ "", "+.clojure/deps.edn +.config/clojure/tools +.m2/toolchains.xml +.pants.bootstrap +.emacs.desktop +.emacs-dirvars "
	      "+tasks.vs.json +launch.vs.json +.quokka +.byebugrc +.abclrc +ccl-init.lisp", "rrrrrrrrrrrr" },
	{ "", "+.ccl-init.lisp +.gambini +.lingma/x +.comate/x +.costrict/x +.cospec/x "
	      "+.firebender/x +firebender.json +.refact/x +.sourcegraph/x +.plandex-v2/x +.ruler/x", "rrrrrrrrrrrr" },
	{ "", "+.rulesync/x +rulesync.jsonc +.container-use/x +.letta/x +.sweep.yaml +.mcp/x "
	      "+mcp.json +.mcp-config.json +.gooseconfig +.auggie/x +.codebuff/x +codebuff.json", "rrrrrrrrrrrr" },
	{ "", "+.windsurfmcp.json +.github/settings.yml +.mergify.yml +.mergify/x +.github/mergify.yml +.kodiak.toml "
	      "+bors.toml +ci_scripts/x +.eas/x +.pipelines/x +.gitlab-ci/x +.evergreen.yml", "rrrrrrrrrrrr" },
	{ "", "+evergreen.yml +.evergreen/x +.cirun.yml +.tugboat/x +.werft/x +common/git-hooks/x "
	      "+.lefthook/x +.taskmaster/x +.claude-flow/x +.ansible/x +common/config/rush/command-line.json", "rrrrrrrrrrr" },
	{ "", "+.moon/x.yml +.turbo/config.json +gradle/libs.versions.toml +gradle/verification-metadata.xml +ivysettings.xml +paket.dependencies "
	      "+paket.lock +x.csproj.user +x.vcxproj +x.vcxproj.user +dirs.proj +x.esproj", "rrrrrrrrrrrr" },
	{ "", "+x.sqlproj +x.xcconfig +x.podspec +Cartfile +Project.swift +Tuist/x "
	      "+Packages/manifest.json +Packages/packages-lock.json +default.nix +guix.scm +manifest.scm +.guix-channel", "rrrrrrrrrrrr" },
	{ "", "+platformio.ini +.dvc/config +.docksal/x +.lando.x.yml +.config/nextest.toml +.xo-configx "
	      "+xo.config.x +.dprint.json +.cz.x +cz.toml +.versionrcx +.bumpversion.x", "rrrrrrrrrrrr" },
	{ "", "+.autorcx +cliff.toml +wallaby.x +.solhint.json +truffle-config.js +.tern-project "
	      "+.clj-kondo/x +.zprintrc +.sqlfluff +.ansible-lintx +.checkov.x +.vale.ini", "rrrrrrrrrrrr" },
	{ "", "+.spectral.x +redocly.yaml +.redocly.yaml +buf.yaml +buf.gen.yaml +.protolint.x "
	      "+sgconfig.yml +Steepfile +.streerc +.marimo.toml +x.uplugin +Content/Python/init_unreal.py", "rrrrrrrrrrrr" },
	{ "", "+Assets/Editor/x +addons/x/plugin.cfg +.platform/x +.lagoon.yml +.magento.app.yaml +scalingo.json", "rrrrrr" },
	/* What their user writes for a living beside these. */
	{ "", "+.irssi/irclogs/x +.weechat/logs/x +.config/k9s/screen-dumps/x +.config/pulse/cookie +.local/share/jupyter/runtime/kernel.json "
	      "+.ghc/ghci_history +.tmux/resurrect/last +.aws/cli/cache/x +.vagrant.d/data/x +.composer/cache/x", "nnnnnnnnnn" },
	{ "", "+.clojure/.cpcache/x +.local/share/helm/x +common/config/rush/version-policies.json +map.proj", "nnnn" },
	{ "", "+screwdriver.yaml +x.gocd.yaml +x.gocd.json +.harness/x +AGENTS.override.md +.rules +.github/skills "
	      "+.claude-plugin/x +gemini-extension.json +.bsp/x", "rrrrrrrrrr" },
	{ "", "+.RData +hatch.toml +pixi.toml +.pnp.cjs +.pnp.loader.mjs +.yarn/sdks +rush.json +project/plugins.sbt "
	      "+project/Build.scala +project/build.properties", "rrrrrrrrrr" },
	{ "", "+build.sc +build.mill +.bloop/x +rebar.config.script +project.clj +deps.edn +shadow-cljs.edn +x.cabal "
	      "+cabal.project.local +Setup.hs", "rrrrrrrrrr" },
	{ "", "+stack.yaml +package.yaml +x.opam +lakefile.lean +lakefile.toml +devenv.yaml +.flox/x +environment.yaml "
	      "+uno.config.ts +unocss.config.ts", "rrrrrrrrrr" },
	{ "", "+panda.config.ts +rspack.config.ts +rsbuild.config.ts +esbuild.config.ts +tsup.config.ts +vue.config.ts "
	      "+gatsby-config.js +gatsby-node.mjs +react-router.config.ts +docusaurus.config.ts", "rrrrrrrrrr" },
	{ "", "+.storybook/x +wdio.conf.js +ava.config.ts +prisma.config.ts +.oxlintrc.json +oxlint.config.ts "
	      "+cspell.config.ts +.markdownlint.cjs +.remarkrc.js +.pytest.ini", "rrrrrrrrrr" },
	{ "", "+pytest.toml +.pytest.toml +.coveragerc +rust-analyzer.toml +.golangci.yml +hie.yaml +.scalafix.conf "
	      "+pylintrc.toml +.pylintrc.toml +Procfile", "rrrrrrrrrr" },
	{ "", "+app.json +heroku.yml +fly.toml +render.yaml +railway.json +railway.toml +nixpacks.toml +wrangler.toml "
	      "+wrangler.json +wrangler.jsonc", "rrrrrrrrrr" },
	{ "", "+amplify.yml +firebase.json +.ebextensions/x +.platform.app.yaml +.upsun/x +.replit +replit.nix +.releaserc.js "
	      "+release.config.ts +Dangerfile", "rrrrrrrrrr" },
	{ "", "+dangerfile.ts", "r" },
	/* one of each line that was added when all kinds of tools had been gone through */
	{ "", "+.hg/hgrc-not-shared +.hg/sharedpath +.hg/requires +.sl/config +.sl/sharedpath +.sl/requires +.git/sl/config "
	      "+.jj/repo/config.toml +.jj/repo/config-id +.jj/workspace-config.toml +.jj/workspace-config-id +.jj/config-id "
	      "+.jj/repo/store/git_target +.jjconfig.toml +.pijul/config +_darcs/prefs", "rrrrrrrrrrrrrrrr" },
	{ "", "+.darcs/defaults +.bzr/branch/branch.conf +.bzr/branch/location +CVS/Root +.p4config +p4config.txt +.p4enviro "
	      "+.subversion/config +.repo/repo +.repo/manifest.xml +.repo/local_manifests +.west/config +.gclient +.mrconfig "
	      "+.lfsconfig +.arcconfig", "rrrrrrrrrrrrrrrr" },
	{ "", "+.arclint +.reviewboardrc +.tigrc +.config/jj +.config/hg +.config/sapling +.config/gh +.config/tig "
	      "+.config/lazygit +.fslckout +_fossil_ +.bashrc.d +.bash_it +.zsh +.oh-my-zsh +.zprezto", "rrrrrrrrrrrrrrrr" },
	{ "", "+.zpreztorc +.zimrc +.p10k.zsh +.config/zsh +.config/bash +.fzf.bash +.fzf.zsh +.mkshrc +.shrc +.shinit +.yashrc "
	      "+.config/xonsh +.config/oils +.local/share/bash-completion +.local/lib/pythonx +.selected_editor", "rrrrrrrrrrrrrrrr" },
	{ "", "+.gnomerc +.config/plasma-workspace +.config/user-dirs.dirs +.config/mimeapps.list +.mailcap +.config/openbox "
	      "+.config/awesome +.config/qtile +.config/bspwm +.config/sxhkd +.config/niri +.config/river +.config/labwc "
	      "+.config/waybar +.xmonad +.xbindkeysrc", "rrrrrrrrrrrrrrrr" },
	{ "", "+.Xresources +.Xdefaults +.config/containers +.nvm/nvm.sh +.rvm/scripts +.sdkman/bin +.asdf/asdf.sh +.asdf/shims "
	      "+.rbenv/shims +.pyenv/shims +.cargo/bin +.cargo/env +.bun/bin +.deno/bin +.volta/bin +.krew/bin", "rrrrrrrrrrrrrrrr" },
	{ "", "+.dotnet/tools +.docker/cli-plugins +.lessfilter +.lesskey +.muttrc +.mutt +.config/mutt +.msmtprc +.mbsyncrc "
	      "+.offlineimaprc +.fetchmailrc +.wgetrc +.curlrc +.rhosts +.shosts +.k5login", "rrrrrrrrrrrrrrrr" },
	{ "", "+.envrc.x +.direnv/x +.activate.sh +.deactivate.sh +bin/activate-hermit +bin/hermit.hcl +.pkgx.yml +.pkgx.yaml "
	      "+pkgx.yml +pkgx.yaml +.asdfrc +.naverc +.n-node-version +.yvmrc +.tfswitchrc +.tgswitchrc", "rrrrrrrrrrrrrrrr" },
	{ "", "+.deno-version +.bun-version +.crystal-version +.dart-version +.elixir-version +.erlang-version +.kotlin-version "
	      "+.scala-version +.packer-version +.fvm/x +.config/go +.npm-init.js +.bunfig.toml +.bowerrc +.terraform.d/x "
	      "+.pip/pip.conf", "rrrrrrrrrrrrrrrr" },
	{ "", "+.config/pypoetry +.config/pdm +.config/nix +.config/home-manager +.config/rclone +.m2/extensions.xml +.mavenrc "
	      "+.antrc +.sbt/x +.lein/profiles.clj +.nrepl.edn +.mill-version +.mill-opts +.mill-jvm-opts +.buckconfig.local "
	      "+.buckconfig.d/x", "rrrrrrrrrrrrrrrr" },
	{ "", "+.plzconfigx +.pants.rc +ccache.conf +.chef/x +Saltfile +user.bazelrc +.ropeproject/config.py +.lsp/x +.merlin "
	      "+.ccls +.ycm_extra_conf.py +rust-project.json +.rust-project.json +omnisharp.json +.omnisharp/x +gtags.conf", "rrrrrrrrrrrrrrrr" },
	{ "", "+.globalrc +.lazy.lua +.nvim/x +.vimspector.json +.projections.json +.local.vimrc +.vimrc.local +Session.vim "
	      "+.nanorc +.doom.d/x +.spacemacs +.spacemacs.d/x +.config/doom +.config/kak +.config/micro +.config/VSCodium/User", "rrrrrrrrrrrrrrrr" },
	{ "", "+.config/Cursor/User +.config/Windsurf/User +.theia/x +.atom-build.x +x.sublime-workspace +x.sublime-build +x.ipr "
	      "+x.iws +.kdev4/x +x.kdev4 +x.pro.user +CMakeLists.txt.user +.qtcreator/x +.buildconfig +.trunk/x +.latexmkrc", "rrrrrrrrrrrrrrrr" },
	{ "", "+latexmkrc +texmf.cnf +.arara.yaml +araraconfig.yaml +.pdbrc.py +.rdbgrc +.rdbgrc.rb +.lldbinit-x +.radare2rc "
	      "+.rizinrc +.valgrindrc +.perfconfig +.erlang +.pythonrc +.pythonrc.py +.config/ptpython", "rrrrrrrrrrrrrrrr" },
	{ "", "+.config/bpython +.jupyter +.julia/config +.ammonite/predef.sc +.sbclrc +.clisprc +.eclrc +.guile +.racketrc "
	      "+.csirc +.swiplrc +.tclshrc +.wishrc +.expect.rc +.gnuplot +.mapleinit", "rrrrrrrrrrrrrrrr" },
	{ "", "+maxima-init.mac +maxima-init.lisp +startup.m +packrat/init.R +matplotlibrc +.my.cnf +.duckdbrc +.mongorc.js "
	      "+.mongoshrc.js +.usqlrc +.cqlshrc +.alacritty.x +.wezterm.lua +.config/alacritty +.config/wezterm +.config/kitty", "rrrrrrrrrrrrrrrr" },
	{ "", "+.config/ghostty +.config/foot +.config/zellij +.config/mpv +.byobu +.claude.json +.config/opencode +.config/goose "
	      "+.config/crush +.config/amp +.config/agents +.config/github-copilot +.config/mcphub +.agent/x +.antigravity/x "
	      "+.codeium/x", "rrrrrrrrrrrrrrrr" },
	{ "", "+.continuerc.json +.lsp.json +.github/mcp.json +.github/copilot/x +.github/extensions +.github/github-app.yml "
	      "+.github/copilot-desktop.yml +.aider.model.settings.yml +.aider.model.metadata.json +.mcphub/x +.avante/x "
	      "+.aiassistant/x +.vibe/x +.grok/x +.kimi/x +.kode/x", "rrrrrrrrrrrrrrrr" },
	{ "", "+.qoder/x +.codebuddy/x +.commandcode/x +.iflow/x +.rovodev/x +.zencoder/x +.tabnine/x +.qodo/x +.devin/x "
	      "+.forge/x +forge.yaml +.llxprt/x +.gptme/x +gptme.toml +.neovate/x +.pochi/x", "rrrrrrrrrrrrrrrr" },
	{ "", "+.mux/x +.openclaw/x +.moltbot/x +.openclaude/x +.mcpjam/x +.trae-cn/x +.cody/x +.superset/x +conductor.json "
	      "+.emdash.json +.gitlab/duo/x +.aws/credentials +.gnupg/dirmngr.conf +.gnupg/scdaemon.conf +.gnupg/common.conf "
	      "+.gitlab/agents", "rrrrrrrrrrrrrrrr" },
	{ "", "+azure-pipelines.yaml +azure-pipelines-x +.azuredevops/x +.vsts-ci.yml +Jenkinsfile.x +.drone.yaml +buildkite.yml "
	      "+.buildkite.yml +bitbucket-pipelines.yaml +zuul.yaml +zuul.d/x +codeship-services.yml +codeship-steps.yml "
	      "+wercker.yml +.scrutinizer.yml +.taskcluster.yml", "rrrrrrrrrrrrrrrr" },
	{ "", "+.prow.yaml +.prow/x +.packit.yaml +packit.yaml +.copr/x +.obs/x +.rwx/x +.depot/workflows +.onedev-buildspec.yml "
	      "+.tangled/workflows +.radicle/x +garnix.yaml +cloudbuild.yml +cloudbuild.json +lefthook.toml +lefthook.json", "rrrrrrrrrrrrrrrr" },
	{ "", "+lefthook-local.x +.lefthook.yaml +.lefthook.toml +.lefthook.json +.lefthook-local.x +.huskyrcx +husky.config.x "
	      "+.git-hooks/x +.cargo-husky/x +.rusty-hook.toml +prek.toml +hk.pkl +captainhook.json +grumphp.ymlx +CRUSH.local.md "
	      "+CODEBUDDY.md", "rrrrrrrrrrrrrrrr" },
	{ "", "+IFLOW.md +GROK.md +LLXPRT.md +SOUL.md +HEARTBEAT.md +MEMORY.md +avante.md +.roorules-x +.clinerules-x "
	      "+.continuerules +.augment-guidelines +.openhands_instructions +.aiderrules +.serena/x +.specify/x +.ai/x", "rrrrrrrrrrrrrrrr" },
	{ "", "+.github/plugin +bin/activate +pyvenv.cfg +bin/activate.x +bin/activate_this.py +bin/python +bin/python3 "
	      "+_opam/.opam-switch/environment +_opam/.opam-switch/switch-config +.devbox/x +.gitmodules +.hgsub +west.yml "
	      "+west-commands.yml +bower.json +lerna.json", "rrrrrrrrrrrrrrrr" },
	{ "", "+.pnp.js +xrequirements.txt +requirementsx.in +constraintsx.txt +Makefile.PL +Build.PL +cpanfile +profiles.clj "
	      "+x.rockspec +Setup.lhs +buildSrc/x +local.properties +x.props +x.targets +x.sln +x.slnx", "rrrrrrrrrrrrrrrr" },
	{ "", "+MSBuild.rsp +packages.config +dotnet-tools.json +.paket/x +site_scons/x +pants.toml +pubspec.yaml "
	      "+.dart_tool/package_config.json +vcpkg.json +vcpkg-configuration.json +conanfile.x +devenv.local.nix +.terraform/x "
	      "+cdk.json +.ddev/x +.lando.yml", "rrrrrrrrrrrrrrrr" },
	{ "", "+nbproject/x +renovate.jsonx +.renovatercx +.github/dependabot.x +.project +.classpath +.factorypath +.settings/x "
	      "+.swcrc +.parcelrc +dprint.json +.browserslistrc +.nycrcx +.czrc +.release-it.x +.changeset/config.json", "rrrrrrrrrrrrrrrr" },
	{ "", "+nodemon.json +vetur.config.x +volar.config.x +apollo.config.x +relay.config.x +.template-lintrc.js "
	      "+quasar.config.x +craco.config.x +rolldown.config.x +tsdown.config.x +eleventy.config.x +.eleventy.js "
	      "+app.config.js +hardhat.config.x +react-native.config.x +.vscode-test.x", "rrrrrrrrrrrrrrrr" },
	{ "", "+.textlintrcx +.alexrcx +.mdlrc +.mdl_style.rb +mkdocs.yml +_quarto.yml +book.toml +docs/conf.py +doc/conf.py "
	      "+docs/source/conf.py +analysis_options.yaml +project.godot +.godot/extension_list.cfg +x.gdextension +x.uproject "
	      "+.swiftpm/x", "rrrrrrrrrrrrrrrr" },
	{ "", "+x.xcodeproj/x +x.xcworkspace/x +tox.toml +.noserc +.pyre_configurationx +pyrightconfig.json +jupytext.toml "
	      "+jupytext.py +.jupytext.py +.gitlint +cog.toml +.rspec-local +.simplecov +.rubocop_todo.yml +.standard.yml "
	      "+.erb_lint.yml", "rrrrrrrrrrrrrrrr" },
	{ "", "+.erb-lint.yml +.haml-lint.yml +.slim-lint.yml +.yardopts +.ruby-lsp/x +phpcs.xmlx +.phpcs.xmlx +phpunit.xmlx "
	      "+psalm.xmlx +.phan/x +.phpactor.x +.php_csx +.htaccess +.proverc +.perlcriticrc +.busted", "rrrrrrrrrrrrrrrr" },
	{ "", "+.lintr +x.Rproj +.dialyzer_ignore.exs +erlang_ls.config +.luarc.jsonc +.tflint.hcl +.mega-linter.yml "
	      "+x.runsettings +launchSettings.json +x-gdb.py +.env.x +.flaskenv +railpack.json +.kamal/x +.do/x +appspec.yml", "rrrrrrrrrrrrrrrr" },
	{ "", "+apprunner.yaml +apphosting.yaml +captain-definition +project.toml +.buildpacks +.goreleaser.x +.codeclimate.yml "
	      "+.coderabbit.yaml +.pr_agent.toml", "rrrrrrrrr" },
	/* what a hostile run left in a review, and what was real by itself then */
	{ REPO, "+.git/remotes/origin=URL:\\uext::x +.git/branches/origin +.git/sequencer/opts +.git/rr-cache/x/postimage", "rrrr" },
	{ "bare/HEAD bare/objects/x bare/refs/x", "+bare/remotes/x +bare/branches/x +bare/sequencer/todo +bare/rr-cache/x/postimage", "rrrr" },
	{ "", "+sitecustomize.pyc +sitecustomize.so +a/sitecustomize.cpython-311-x86_64-linux-gnu.so +sitecustomize/__init__.py +usercustomize/__init__.py "
	      "+v/site-packages/sitecustomize/__init__.py +package.json5 +node_modules/.hooks/postinstall", "rrrrrrrr" },
	{ "", "+remotes/x +branches/x +sequencer/x +rr-cache/x +.hooks/x +sitecustomizes.py", "nnnnnn" },
	/* a file that leads elsewhere, and no directory of that name, in which one works */
	{ "", "+.venv +a/.jj/repo", "rr" },
	{ ".jj/repo/store/x", "^.jj/repo", "r" },
	{ ".jj/repo/store/x .venv/lib/x", "+.jj/repo/op_heads +.venv/lib/y ~.venv/lib/x +sub/.venv/ +sub/.venv/x", "nnnnn" },
	/* links that stay in the tree: other names of what is obeyed, and into what is passed over */
	{ REPO, "@build/out.js=../.git/hooks/pre-commit", "r" },
	{ REPO, "@h=.git/hooks", "r" },
	{ REPO, "@g=.git", "r" },
	{ "", "@plain=.envrc", "r" },
	{ "", "@a/b=../c/.vscode/tasks.json", "r" },
	{ "", "@app=node_modules/app", "r" },
	{ "", "@src/app=../node_modules/app/lib", "r" },
	{ "app->node_modules/a node_modules/a/x", "+node_modules/a/.envrc +node_modules/b/.envrc", "rn" },
	{ "nm->node_modules node_modules/a/x", "+node_modules/a/.vscode/tasks.json", "r" },
	{ ".envrc->scripts/env", "@x=scripts", "r" },
	{ "", "@.cargo=c +c/config.toml", "rr" },
	{ "", "@a/.Config=g", "r" },
	{ "", "@.hg=z +z/hgrc", "rr" },
	{ "", "@gradle=c", "r" },
	{ ".cargo->c c/x", "+c/config.toml", "r" },
	{ ".yarn/plugins/p", "@.yarn=k +k/plugins/p", "rr" },
	{ "", "@.envrc=plain +plain", "rr" },
	{ "", "+.ward-commit-01K/n0 +.ward-kept-01K/o1", "rr" },
	/* what a file of the same layer names; changes by path, as a layer has them */
	{ "", "+.envrc=source\\uscripts/env.sh\\n +scripts/env.sh +scripts/other.sh", "rrn" },
	{ "", "+a/.envrc=./x +a/x +x", "rrr" }, /* from where it starts nobody knows */
	{ "", "+.vscode/tasks.json=\"command\":\"${workspaceFolder}/tools/x\" +tools/x", "rr" },
	{ "", "+.husky/pre-commit=sh\\uci/run.sh +ci/run.sh", "rr" },
	{ "", "+.github/workflows/ci.yml=run:\\u./ci.sh +ci.sh +src/main.c", "rrn" },
	{ "", "+lib/z.py +x.pth=import\\uy;exec(open('lib/z.py').read())", "rr" },
	{ "", "+sub/.git=gitdir:\\u../x\\n +x/hook", "rr" },
	{ REPO, "~.git/config=[core]\\n\\thooksPath=tools/hooks\\n +tools/hooks/pre-push +tools/x", "rrn" },
	{ REPO, "~.git/config=[core]\\n\\tfsmonitor\\u=\\u\"./watch\\u--fast\"\\n +fast ~watch", "rnr" },
	{ REPO, "~.git/config=[include]\\n\\tpath=../inc\\n +h/pre-push +inc=[core]\\n\\thooksPath=h\\n +main", "rrrn" },
	{ REPO, "~.git/config=[includeIf\\u\"gitdir:/\"]\\n\\tpath=../inc\\n +inc", "rr" },
	{ REPO, "~.git/config=[branch\\u\"main\"]\\n\\tmerge=refs/heads/main\\n ~.git/refs/heads/main +main", "rnn" },
	{ "", "+.git/ +.git/HEAD +.git/objects/ +.git/objects/x=main.c +.git/refs/ +main.c", "rrrrrn" },
	{ "", "+AGENTS.md=see\\usrc/main.c +src/main.c", "rn" },
	{ "", "+package.json=\"postinstall\":\"node\\us.js\" +s.js", "rn" },
	/* what it is */
	{ "", "!tool", "c" },
	{ "", "@l=/etc/passwd", "c" },
	{ "", "@l=../x", "c" },
	{ "", "@a/b/l=../../../x", "c" },
	{ "", "@a/l=x/../../../y", "c" },
	{ "", "@l=up/../..", "c" },
	{ "", "@a/l=up/../x", "c" }, /* up may be a link by then */
	{ "", ">.envrc=plain >.vscode/x=conf", "rr" },
	/* and nothing of the kind: work is not asked about */
	{ REPO, "+src/main.c ~README -old.txt +src/ %run.sh >a=b", "nnnnnn" },
	{ REPO, "~.git/index ~.git/refs/heads/main +.git/objects/ab/ +.git/objects/ab/cd ~.git/HEAD +.git/COMMIT_EDITMSG -.git/objects/x +.git/packed-refs", "nnnnnnnn" },
	{ "", "+node_modules/x/package.json +node_modules/x/.npmrc +node_modules/.bin/ +node_modules/x/.vscode/s.json", "nnnn" },
	{ "", "@node_modules/.bin/x=../x/cli.js @a/l=../b @l=./a/b @d/l=.", "nnnn" },
	{ "", "+envrc +x.envrc.txt +.vscodes/x +.github/CODEOWNERS +docs/.github/workflows/x +Makefile", "nnnnnn" },
	{ "", "+HEAD +config +objects/", "nnn" },
	{ "", "+CMakeLists.txt +meson.build +justfile +Rakefile +Taskfile.yml +noxfile.py +BUILD.bazel +WORKSPACE +gulpfile.js +Dockerfile +compose.yaml "
	      "+gradlew +mvnw +go.mod +tsconfig.json +ruff.toml +.editorconfig +tests/test_x.py", "nnnnnnnnnnnnnnnnnn" },
	{ "", "+turbo.json +skaffold.yaml +Tiltfile +project/x/y.sbt +sub/lsp.json +sub/screwdriver.yaml +x.RData +go.work +.run/x.xml +renv.lock", "nnnnnnnnnn" },
	{ "", "+node_modules/x/vite.config.js +node_modules/x/.eslintrc +vendor/x/.rubocop.yml +docs/global.json +docs/buildspec.yml", "nnnnn" },
	{ "vite.config.ts .eslintrc", "-vite.config.ts -.eslintrc", "nn" },
	{ "package.json AGENTS.md", "-package.json -AGENTS.md", "nn" },
};
/* clang-format on */

static struct ward_arena *arena;
static struct ward_resolver rs;
static struct ward_host host;

/* ---- the project ---- */

/* \n, \t and \u, which is a blank here. */
static void unescape(char *text)
{
	char *to = text;

	for (char *s = text; s && *s; s++) {
		bool escaped = *s == '\\';

		s += escaped;
		*to++ = !escaped ? *s : *s == 'n' ? '\n' : *s == 't' ? '\t' : ' ';
	}
	if (to)
		*to = '\0';
}

static void have_one(char *word)
{
	char *to = strstr(word, "->"), *text = strchr(word, '='), rel[300];

	if (to) {
		*to = '\0';
		snprintf(rel, sizeof(rel), "ws/%.200s", word);
		put_link(rel, to + 2);
		return;
	}
	if (text)
		*text++ = '\0';
	snprintf(rel, sizeof(rel), "ws/%.200s", word);
	unescape(text);
	put(rel, text ? text : "x", 0644);
}

static void have(const char *what)
{
	char all[2048], *save, *word;

	/* "sub/" REPO: each name below it. */
	snprintf(all, sizeof(all), "%s", what);
	for (word = strtok_r(all, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char one[512];

		if (strncmp(what, "sub/" REPO, strlen("sub/" REPO)) == 0 &&
			!ward_has_prefix(word, "sub/"))
			snprintf(one, sizeof(one), "sub/%.400s", word);
		else
			snprintf(one, sizeof(one), "%.500s", word);
		have_one(one);
	}
}

/* ---- the changes ---- */

static struct ward_change changes[32];
static struct ward_changes all = { .v = changes };

static void changed(char *word)
{
	struct ward_change *c = &changes[all.n++];
	char verb = *word++, *to = strchr(word, '=');
	size_t n = strlen(word);
	bool dir = word[n - 1] == '/';
	char rel[300];

	if (to && (verb == '+' || verb == '~')) {
		*to++ = '\0';
		unescape(to);
		(void)snprintf(rel, sizeof(rel), "layer/%.200s", word);
		put(rel, to, 0644);
		n = strlen(word);
		dir = false;
	}
	*c = (struct ward_change){
		.path = word, .mode = dir ? S_IFDIR | 0755 : S_IFREG | 0644, .content = true
	};
	if (to && (verb == '+' || verb == '~'))
		c->size = strlen(to);
	if (dir)
		word[n - 1] = '\0';
	if (to && (verb == '@' || verb == '>'))
		*to++ = '\0';
	c->kind = verb == '~' || verb == '%' ? WARD_CHANGE_MODIFIED
		: verb == '-'                ? WARD_CHANGE_DELETED
		: verb == '>'                ? WARD_CHANGE_RENAMED
		: verb == '^'                ? WARD_CHANGE_TYPE
					     : WARD_CHANGE_ADDED;
	if (c->kind != WARD_CHANGE_ADDED)
		c->was_mode = verb == '^' ? S_IFDIR | 0755 : c->mode;
	if (verb == '%') {
		c->content = false;
		c->bits = true;
		c->mode |= 0111;
	} else if (verb == '-') {
		c->mode = 0;
	} else if (verb == '>') {
		c->from = word;
		c->path = to;
	} else if (verb == '!') {
		c->mode |= S_ISUID;
	} else if (verb == '@') {
		c->mode = S_IFLNK | 0777;
		c->target = to;
		/* What the layer says by now is not what is made. */
		snprintf(rel, sizeof(rel), "layer/%.200s", word);
		put_link(rel, "/nowhere");
	}
}

static void change(char *what)
{
	char *save;

	all.n = 0;
	for (char *word = strtok_r(what, " ", &save); word; word = strtok_r(NULL, " ", &save))
		changed(word);
}

static struct ward_guard *guard_of(void)
{
	static int layer = -1, root = -1;
	struct ward_guard *g = NULL;

	ward_close(layer);
	ward_close(root);
	host = host_facts();
	ward_arena_free(arena);
	arena = ward_arena_new(8u << 20);
	REQUIRE(arena);
	rs = (struct ward_resolver){ .arena = arena, .host = &host, .cwd = "/" };
	rs.workspace = ward_arena_strdup(arena, at("ws"));
	REQUIRE(stat(rs.workspace, &rs.workspace_st) == 0);
	layer = open(at("layer"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	root = open(at("ws"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(layer >= 0 && root >= 0);
	CHECK_EQ_INT(ward_guard_new(&rs, &all, layer, root, false, &g, &err), WARD_OK);
	REQUIRE(g);
	return g;
}

static void asked(const struct vector *v)
{
	char what[1024], got[33] = "";
	struct ward_guard *g;

	/* A thousand trees: a disk that others write to takes minutes for them. */
	tree_in = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
	tree();
	tree_in = "/tmp";
	put("layer", NULL, 0755);
	have(v->have);
	snprintf(what, sizeof(what), "%s", v->changes);
	change(what);
	g = guard_of();
	for (size_t i = 0; i < all.n; i++) {
		struct ward_guarded one;

		CHECK_EQ_INT(ward_guard_ask(g, &changes[i], &one, &err), WARD_OK);
		CHECK((one.level == WARD_APPROVAL_NONE) == (one.why == NULL));
		got[i] = one.level == WARD_APPROVAL_NONE   ? 'n'
			: one.level == WARD_APPROVAL_RISKY ? 'r'
							   : 'c';
	}
	CHECK_MSG(strcmp(got, v->want) == 0, "[%s] %s: %s, not %s", v->have, v->changes, got,
		v->want);
	CHECK_NULL(ward_guard_unsure(g));
}

TEST(what_would_run_later_is_asked_about)
{
	size_t n = 0;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(vectors); i++) {
		asked(&vectors[i]);
		n += strspn(vectors[i].want, "n") != strlen(vectors[i].want);
	}
	CHECK_MSG(n >= 60, "%zu vectors that are asked about", n);
}

/* The row as one name, and that in the other case. */
static void name_of(const struct ward_persist_name *row, char name[200], char upper[200])
{
	size_t n = 0;

	for (const char *s = row->name; *s; s++)
		name[n++] = *s == '*' ? 'x' : *s;
	name[n] = '\0';
	for (size_t i = 0; i <= n; i++)
		upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
}

/* No row is there that asks about nothing: new, changed, renamed, as a link, at depth, in another case, and what lies in it. */
TEST(each_row_is_asked_about)
{
	size_t n_asks = 0;

	for (size_t i = 0; i < ward_persist_n; i++) {
		const struct ward_persist_name *row = &ward_persist[i];
		const char *in = row->dir ? "/x" : "";
		char name[200], upper[200], what[1024];
		bool goes = row->kind < WARD_PERSIST_TOLD;
		struct vector v = { .changes = what };

		name_of(row, name, upper);
		/* Build servers look in the workspace, and beside a .git. */
		v.have = row->kind == WARD_PERSIST_TOP
			? "e1/.git a1/b/.git f1/.git g1/.git h1/.git i1/.git"
			: "";
		(void)snprintf(what, sizeof(what),
			"+%.80s%s +a1/b/%.80s%s +%.80s%s @e1/%.80s=y >z=f1/%.80s%s ~g1/%.80s%s +h1/%.80s/in",
			name, in, name, in, upper, in, name, name, in, name, in, name);
		v.want = row->file ? "rrrrrrn" : "rrrrrrr";
		asked(&v);
		(void)snprintf(what, sizeof(what), "-i1/%.80s%s +node_modules/p/%.80s%s", name, in,
			name, in);
		v.want = row->kind == WARD_PERSIST_DEEP || ward_has_prefix(name, ".git/")
			? goes ? "rr" : "nr"
			: goes ? "rn"
			       : "nn";
		asked(&v);
		n_asks += row->kind == WARD_PERSIST_ASKS;
	}
	CHECK_MSG(ward_persist_n >= 300 && n_asks >= 90, "%zu rows, %zu that only ask",
		ward_persist_n, n_asks);
}

/* It is run on purpose, so that what it names is no question of its own; whoever is asked about it reads what it names. */
TEST(what_a_package_would_run_is_named_with_it)
{
	struct ward_guarded one;
	char what[] = "+package.json=\"postinstall\":\"node\\us.js\" +s.js";
	struct ward_guard *g;

	tree();
	put("layer", NULL, 0755);
	change(what);
	g = guard_of();
	CHECK_EQ_INT(ward_guard_ask(g, &changes[0], &one, &err), WARD_OK);
	CHECK_STR_CONTAINS(one.why, "it names \"s.js\", which the run changed as well");
}

/* Too large to be looked through: nobody takes the answer for that it names nothing. */
TEST(a_package_that_is_too_large_says_so)
{
	static const struct {
		size_t n;
		bool there, told;
	} sizes[] = { { 256u << 10, true, false }, { (256u << 10) + 1, true, true },
		{ 100, false, true } };
	static char text[(256u << 10) + 2];

	for (size_t i = 0; i < WARD_ARRAY_SIZE(sizes); i++) {
		struct ward_guarded one;
		char what[] = "+package.json";
		struct ward_guard *g;

		tree();
		put("layer", NULL, 0755);
		memset(text, 'x', sizes[i].n);
		text[sizes[i].n] = '\0';
		if (sizes[i].there)
			put("layer/package.json", text, 0644);
		change(what);
		changes[0].size = sizes[i].n;
		g = guard_of();
		CHECK_EQ_INT(ward_guard_ask(g, &changes[0], &one, &err), WARD_OK);
		CHECK_EQ_INT(one.level, WARD_APPROVAL_RISKY);
		CHECK_EQ_INT(strstr(one.why, "too large, or cannot be read") != NULL,
			sizes[i].told);
	}
}

/* Many words, each of which leads on to a file: whoever wrote them is not to keep the commit, or a run that lands as it goes, at work. */
TEST(a_word_is_looked_for_once)
{
	static char text[(250u << 10) + 1];
	char what[4096] = "+a=x", path[512] = "";
	struct ward_guarded one;
	struct ward_guard *g;
	clock_t begin;

	tree();
	put("layer", NULL, 0755);
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "a ", 2);
	for (int i = 0; i < 14; i++)
		(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "d%d/", i);
	for (int i = 0; i < 8; i++)
		(void)snprintf(what + strlen(what), sizeof(what) - strlen(what), " +%s%d/.envrc=x",
			path, i);
	change(what);
	for (size_t i = 1; i < all.n; i++) {
		char file[1024];

		(void)snprintf(file, sizeof(file), "layer/%s", changes[i].path);
		put(file, text, 0644);
		changes[i].size = strlen(text);
	}
	begin = clock();
	g = guard_of();
	CHECK_MSG(clock() - begin < CLOCKS_PER_SEC, "%ld us of a processor",
		(long)(clock() - begin));
	CHECK(!ward_guard_unsure(g));
	CHECK_EQ_INT(ward_guard_ask(g, &changes[0], &one, &err), WARD_OK);
	CHECK_EQ_INT(one.level, WARD_APPROVAL_RISKY);
}

/* Configurations that include each other: git gives up, and so is it here; nothing of the layer may take the stack. */
TEST(what_names_itself_in_a_circle_ends)
{
	struct ward_guarded one;
	char what[] =
		"~.git/config=[include]\\n\\tpath=../a\\n +a=[include]\\n\\tpath=b\\n +b=[include]\\n\\tpath=a\\n";
	struct ward_guard *g;

	tree();
	put("layer", NULL, 0755);
	have(REPO);
	change(what);
	g = guard_of();
	CHECK(ward_guard_unsure(g));
	for (size_t i = 0; i < all.n; i++) {
		CHECK_EQ_INT(ward_guard_ask(g, &changes[i], &one, &err), WARD_OK);
		CHECK_EQ_INT(one.level, WARD_APPROVAL_RISKY);
	}
}

TEST(a_second_name_of_what_is_obeyed_is_asked_about)
{
	struct ward_guarded one;
	char what[] = "~plain ~other";
	struct ward_guard *g;

	tree();
	put("layer", NULL, 0755);
	put("ws/.envrc", "x", 0644);
	put("ws/other", "x", 0644);
	REQUIRE(link(at("ws/.envrc"), at("ws/plain")) == 0);
	change(what);
	g = guard_of();
	CHECK_EQ_INT(ward_guard_ask(g, &changes[0], &one, &err), WARD_OK);
	CHECK_EQ_INT(one.level, WARD_APPROVAL_RISKY);
	CHECK_EQ_INT(ward_guard_ask(g, &changes[1], &one, &err), WARD_OK);
	CHECK_EQ_INT(one.level, WARD_APPROVAL_NONE);
}

/* What cannot be looked at for want of a descriptor is no less asked about. */
static void unseen(const struct vector *v)
{
	struct rlimit was, none;
	char what[1024];
	struct ward_guard *g;

	tree();
	put("layer", NULL, 0755);
	have(v->have);
	if (strncmp(v->changes, "~plain", 6) == 0)
		REQUIRE(link(at("ws/.envrc"), at("ws/plain")) == 0);
	snprintf(what, sizeof(what), "%s", v->changes);
	change(what);
	g = guard_of();
	REQUIRE(getrlimit(RLIMIT_NOFILE, &was) == 0);
	none = was;
	none.rlim_cur = 0;
	for (size_t i = 0; i < all.n; i++) {
		struct ward_guarded one;
		int r;

		REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
		r = ward_guard_ask(g, &changes[i], &one, &err);
		REQUIRE(setrlimit(RLIMIT_NOFILE, &was) == 0);
		CHECK_MSG(r != WARD_OK || one.level != WARD_APPROVAL_NONE || v->want[i] == 'n',
			"[%s] %s is not asked about", v->have, v->changes);
		CHECK(r != WARD_OK || !one.why || !strstr(one.why, "it is one file with"));
	}
}

TEST(what_cannot_be_looked_at_is_asked_about)
{
	static const struct vector other = { ".envrc=x", "~plain", "r" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(vectors); i++)
		unseen(&vectors[i]);
	unseen(&other);
}

TEST(a_file_with_capabilities_is_asked_about)
{
	/* VFS_CAP_REVISION_2, cap_net_raw. */
	static const unsigned char cap[20] = { 0, 0, 0, 2, 0, 0x20 };
	struct ward_guarded one;
	char what[] = "+tool";
	struct ward_guard *g;

	if (getuid() != 0)
		SKIP("file capabilities are set by root");
	tree();
	put("layer/tool", "x", 0755);
	if (setxattr(at("layer/tool"), "security.capability", cap, sizeof(cap), 0) != 0)
		SKIP("no file capabilities here");
	change(what);
	changes[0].xattrs = true;
	g = guard_of();
	CHECK_EQ_INT(ward_guard_ask(g, &changes[0], &one, &err), WARD_OK);
	CHECK_EQ_INT(one.level, WARD_APPROVAL_CRITICAL);
}

TAP_MAIN();
