local poll = { words = 1, takes = { "subscription" } }

poll.options = { cursor = "text", limit = { 1, 250 }, wait = { 0, 60000 } }

poll.help = [[
webhook poll SUBSCRIPTION [--cursor CURSOR] [--limit N] [--wait MS]

  webhook poll sub_…                    what waits, each as a line of JSON, and the cursor as the last line
  webhook poll sub_… --cursor CURSOR    that much was fetched; the next

Of a subscription that was made with the URL poll: its deliveries are sent nowhere, but wait here, in the order
of acceptance. A cursor says that what came with it has arrived; without one the same comes again.
  --limit N    items at most (100, and never more than 250)
  --wait MS    wait so long for something to come, at most 60000]]

function poll.run(values, words, out)
  if not words[1] or words[2] then error { usage = "poll expects a SUBSCRIPTION" } end
  local hooks <close> = out:open_existing()
  local page = out.check(hooks:fetch(words[1], { cursor = values.cursor, limit = values.limit, wait = values.wait }))
  for _, item in ipairs(page.items) do print(out.encode(item)) end
  print(out.encode { cursor = page.cursor })
end

return poll
