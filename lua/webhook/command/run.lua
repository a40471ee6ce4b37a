local core = require "webhook.core"

local run = { words = 0 }

run.options = { threads = { 1, 64 }, allow = "list", ["until-idle"] = "flag", quiet = "flag" }

run.help = [[
webhook run - deliver what is published, until it is stopped

  webhook run
  webhook run --threads 4
  webhook run --until-idle --allow 127.0.0.1     until nothing is due, then end

Any number of these may run on one store. Ctrl-C or SIGTERM finishes what is in flight,
a second one does not. A store that another program has locked is waited for.
  --threads N     threads that deliver (1)
  --allow RANGE   deliver to this private or local address, too; may be repeated
  --until-idle    end when nothing is due
  --quiet         only errors]]

function run.run(values, _, out)
  local hooks <close> = out:open_to_work(values, values.threads or 1)
  if values["until-idle"] then
    repeat until hooks:idle() or core.wait_signal(0.05)
    out.check(hooks:stop(10000))
    return
  end
  if not values.quiet then io.stderr:write("delivering from ", out.store, "\n") end
  while not core.wait_signal(1) do
    hooks:idle() -- hands the log's lines over
  end
  out.check(hooks:stop(10000))
end

return run
