local core = require "webhook.core"

local run = { words = 0 }

run.options = { threads = { 1, 64 }, allow = "list", ["until-idle"] = "flag", quiet = "flag" }

run.help = [[
webhook run - deliver what is published, until it is stopped

  webhook run
  webhook run --threads 4
  webhook run --until-idle --allow 127.0.0.1     until nothing is due, then end

Any number of these may run on one store. Ctrl-C or SIGTERM finishes what is in flight,
a second one does not.
  --threads N     threads that deliver (1)
  --allow RANGE   deliver to this private or local address, too; may be repeated
  --until-idle    end when nothing is due
  --quiet         only errors]]

function run.run(values, _, out)
  local hooks <close> = out:open {
    allow = values.allow,
    log = function(level, line)
      if level == "error" or not values.quiet then io.stderr:write(level, ": ", out.plain(line), "\n") end
    end,
  }
  if values["until-idle"] then
    out.check(hooks:run())
    return
  end
  core.catch_signals()
  out.check(hooks:start(values.threads or 1))
  if not values.quiet then io.stderr:write("delivering from ", out.store, "\n") end
  while not core.wait_signal(1) do
    hooks:idle() -- hands the log's lines over
  end
  out.check(hooks:stop(10000))
end

return run
