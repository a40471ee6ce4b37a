-- Completion, asked by real shells, and what the command says was meant.
package.path = "spec/?.lua;" .. package.path
local shell = require "shell"
local webhook = require "webhook"

describe("the command", function()
  after_each(shell.clean)

  -- A folder for PATH in which `webhook` is the command of this build.
  local function on_path()
    local folder = shell.file()
    local script = shell.write(("#!/bin/sh\nexec %s \"$@\"\n"):format(shell.webhook ""))
    shell.run(("mkdir '%s' && cp '%s' '%s/webhook' && chmod 755 '%s/webhook'"):format(folder, script, folder, folder))
    return folder
  end

  local function with_subscription()
    local store = shell.file ".db"
    local hooks <close> = assert(webhook.open(store))
    return store, assert(hooks:subscribe { url = "poll:" }).id
  end

  it("completes in bash", function()
    local store, id = with_subscription()
    local script = shell.write([[
source <(webhook completion bash) || exit 1
ask() { COMP_WORDS=(webhook "$@"); COMP_CWORD=$#; COMPREPLY=(); _webhook; printf '%s\n' "${COMPREPLY[*]}"; }
ask subs
ask subscriptions sh
ask subscriptions show ""
ask deliveries --state h
ask serve --log-f
ask listen --subscription ""
]])
    local code, output, complaint = shell.run(("PATH='%s':$PATH WEBHOOK_STORE='%s' bash '%s'"):format(on_path(), store, script))
    assert.same({ 0, "" }, { code, complaint })
    assert.equal(("subscriptions\nshow\n%s\nheld\n--log-format\n%s\n"):format(id, id), output)
  end)

  it("completes in fish", function()
    local store, id = with_subscription()
    local script = shell.write [[
webhook completion fish | source
complete -C 'webhook subs'
complete -C 'webhook subscriptions show '
complete -C 'webhook deliveries --state h'
]]
    local code, output = shell.run(("PATH='%s':$PATH HOME=/nowhere WEBHOOK_STORE='%s' fish --no-config '%s'"):format(on_path(), store, script))
    assert.equal(0, code)
    assert.equal(("subscriptions\n%s\nheld\n"):format(id), output)
  end)

  it("completes in zsh", function()
    local script = shell.write [[
compadd() { print -rl -- $found; }
compdef() { :; }
_files() { print files; }
source <(webhook completion zsh) || exit 1
words=(webhook subs) CURRENT=2 _webhook
words=(webhook publish order.paid x) CURRENT=4 _webhook
]]
    local code, output = shell.run(("PATH='%s':$PATH zsh -f '%s'"):format(on_path(), script))
    assert.equal(0, code)
    assert.equal("subscriptions\nfiles\n", output)
  end)

  it("asks for nothing, and makes no store, while it completes", function()
    local name = shell.file ".db"
    local code, output, complaint = shell.run(("WEBHOOK_STORE='%s' %s"):format(name, shell.webhook "complete subscriptions show ''"))
    assert.same({ 0, "", "" }, { code, output, complaint })
    assert.is_nil(io.open(name))
    assert.equal("", (select(2, shell.run(shell.webhook "complete nothing ''"))))
  end)

  it("says what was meant", function()
    for line, sentence in pairs {
      ["triger"] = "did you mean trigger?", ["lsiten"] = "did you mean listen?", ["sub"] = "did you mean subscriptions?",
      ["zebra"] = "there are: publish", ["events --limt 3"] = "did you mean --limit?", ["events --zebra"] = "there are: --help",
      ["run --trheads 2"] = "did you mean --threads?",
    } do
      local code, _, complaint = shell.run(shell.webhook(line))
      assert.equal(2, code, line)
      assert.matches(sentence, complaint, 1, true)
    end
  end)
end)
