local replay = { words = 1 }

replay.options = { subscription = "text", event = "text", state = "text" }

replay.help = [[
webhook replay ID | webhook replay --subscription ID [--state exhausted]

  webhook replay dlv_…
  webhook replay --subscription sub_…             all that are exhausted
  webhook replay --event msg_… --state delivered

Sends deliveries again, the same bytes, from the start of their retry list.]]

function replay.run(values, words, out)
  local is_query = (values.subscription or values.event or values.state) ~= nil
  if is_query == (words[1] ~= nil) then
    error { usage = "replay expects an ID, or --subscription, --event or --state" }
  end
  local hooks <close> = out:open()
  if words[1] then
    out.check(hooks:replay(words[1]))
    return
  end
  local count = out.check(hooks:replay { subscription = values.subscription, event = values.event, state = values.state })
  out:item({ replayed = count }, { "replayed" })
end

return replay
