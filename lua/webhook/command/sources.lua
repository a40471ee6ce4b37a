local webhook = require "webhook"

local sources = { words = 4 }

sources.options = { tenant = "text", connection = "text", filter = "list", fields = "text", ["changed-since"] = "text",
  limit = { 1, math.maxinteger }, page = "text", state = "text", allow = "list", subscription = "text", confirm = "flag" }

sources.help = [[
webhook sources [list | add FILE | show TYPE | test TYPE | run TYPE | remove TYPE | connect TYPE NAME FILE |
                 disconnect TYPE NAME] - where objects are read over HTTP

  webhook sources add contacts.json       keeps a document, in the place of the one of its object type
  webhook sources show crm_contact        with masks for its secrets; written back they leave them
  webhook sources test crm_contact --connection acme --limit 5    a page, as it is read
  webhook sources test crm_contact --subscription sub_…   what the next reading would send, and to which events
  webhook sources run crm_contact         reads now for all that poll it, and delivers what is due
  webhook sources remove crm_contact      its subscriptions wait for another
  webhook sources connect crm_contact acme-crm acme.json   whose a connection is, and its login: a new one, or anew
  webhook sources disconnect crm_contact acme-crm          subscriptions that name it are not read any more

FILE is JSON, - for standard input. test keeps and sends nothing, and ends with 1 where the API failed:
  --tenant NAME   --connection NAME   --fields LIST   --limit N
  --filter NAME=TEXT     may be repeated
  --changed-since TIME   2026-11-21T10:00:00Z
  --page TEXT            what the page before gave as next; --state TEXT: as state
  --subscription ID      in place of these: all pages, compared with what was seen
run ends with 1 where a reading failed, or is suspicious:
  --confirm              what has vanished has been deleted, however much it is
Both: --allow RANGE      a private or local address may be reached; may be repeated]]

local actions = {}
local needs = { add = { "a FILE" }, show = { "a TYPE" }, test = { "a TYPE" }, run = { "a TYPE" }, remove = { "a TYPE" },
  connect = { "a TYPE", "a NAME", "a FILE" }, disconnect = { "a TYPE", "a NAME" } }

function actions.list(_, _, out)
  local hooks <close> = out:open_existing()
  local list = out.check(hooks:sources())
  for _, each in ipairs(list) do
    if not out.json then each.url, each.name = each.document.url, each.document.name end
    out:item(each, { "object_type", "url", "name", "updated_at" })
  end
  if not list[1] then out:note("no sources in the store %s", out.store) end
end

function actions.add(_, file, out)
  local text = out.read(file):gsub("\r?\n$", "")
  local hooks <close> = out:open()
  out.check(hooks:put_source(webhook.raw(text)))
end

function actions.show(_, object_type, out)
  local hooks <close> = out:open_existing()
  print(out.encode(out.check(hooks:source_document(object_type)).document))
end

local function filters_of(list)
  if not list then return nil end
  local filters = webhook.object {}
  for _, each in ipairs(list) do
    local name, text = each:match "^([^=]+)=(.*)$"
    if not name then error { usage = ("--filter expects NAME=TEXT, found %q"):format(each) } end
    filters[name] = text
  end
  return filters
end

-- Each change on a line of its own, and their sum.
local function show_changes(page, out)
  for _, each in ipairs(page.would_send) do print(each.type .. " " .. out.encode(each.object)) end
  out:note("%d objects on %d pages: %d created, %d updated, %d deleted%s%s in %d ms", page.objects, page.pages, page.created,
    page.updated, page.deleted, page.first and "; the first reading, which only remembers" or "",
    (page.suspicious and ("; suspicious: %d that vanish at once are held, unless it is confirmed"):format(page.held) or "")
      .. (page.complete and "" or ", so far"),
    page.duration_ms)
end

function actions.test(values, object_type, out)
  local query = webhook.object { tenant = values.tenant, connection = values.connection, fields = values.fields,
    filters = filters_of(values.filter), changed_since = values["changed-since"], limit = values.limit, page = values.page,
    state = values.state, subscription = values.subscription }
  local hooks <close> = out:open_existing(values)
  local page = out.check(hooks:test_source(object_type, query))
  if out.json then
    print(out.encode(page))
  elseif values.subscription then
    show_changes(page, out)
  else
    for _, item in ipairs(page.items) do print(out.encode(item)) end
    out:note("%s%d items in %d ms; next: %s; state: %s", page.unchanged and "unchanged; " or "", #page.items, page.duration_ms,
      page.next or "none", page.state or "none")
  end
  if not page.ok then
    if out.json then return 1 end
    out.fail(page.error .. (page.retry_after and (" (again in %d ms)"):format(page.retry_after) or ""), page.code)
  end
end

-- Of the newest run, which says how it went: 1 where it went wrong.
local function show_run(hooks, id, out)
  local polled = out.check(hooks:subscription(id)).polled
  local run = polled.runs[1]
  out:item({ subscription = id, run = run }, { "subscription", "run" })
  return run and run:match "^[^ ]+ ([a-z]+)" == "ok" and 0 or 1
end

function actions.run(values, object_type, out)
  local hooks <close> = out:open_existing(values)
  out.check(hooks:source_document(object_type))
  local ids, code = {}, 0
  for each in hooks:subscriptions { tenant = values.tenant } do
    local wanted = each.poll and each.poll.type == object_type and (not values.connection or each.source == values.connection)
    if wanted then ids[#ids + 1] = each.id end
  end
  for _, id in ipairs(ids) do out.check(hooks:poll(id, values.confirm)) end
  out.check(hooks:run())
  for _, id in ipairs(ids) do code = math.max(code, show_run(hooks, id, out)) end
  if not ids[1] then out:note("no subscription polls %s", object_type) end
  return code
end

function actions.remove(_, object_type, out)
  local hooks <close> = out:open_existing()
  out.check(hooks:delete_source(object_type))
end

function actions.connect(_, object_type, out, connection, file)
  local text = out.read(file):gsub("\r?\n$", "")
  local hooks <close> = out:open_existing()
  out.check(hooks:put_connection(object_type, connection, webhook.raw(text)))
end

function actions.disconnect(_, object_type, out, connection)
  local hooks <close> = out:open_existing()
  out.check(hooks:put_connection(object_type, connection, nil))
end

function sources.run(values, words, out)
  local name = words[1] or "list"
  local action = actions[name]
  if not action then error { usage = ("sources has no %q; see webhook sources --help"):format(name) } end
  local wanted = needs[name] or {}
  if #words > 0 and wanted[#words] then
    error { usage = ("sources %s expects %s; see webhook sources --help"):format(name, table.concat(wanted, ", ")) }
  end
  if words[#wanted + 2] then
    error { usage = ("sources %s: unexpected word %q"):format(name, words[#wanted + 2]) }
  end
  return action(values, words[2], out, words[3], words[4])
end

return sources
