local tenant_secret = { words = 1 }

tenant_secret.options = { set = "flag" }

tenant_secret.help = [[
webhook tenant-secret TENANT [--set] - the secret of a tenant's workspace

  webhook tenant-secret acme              prints it; makes one at first
  webhook tenant-secret acme --set <file  takes the first line of standard input instead

It signs what is delivered to a tenant's subscriptions of the profile "unified".]]

function tenant_secret.run(values, words, out)
  local tenant, secret = words[1], nil
  if not tenant then error { usage = "tenant-secret expects a TENANT; see webhook tenant-secret --help" } end
  if values.set then
    secret = (io.read "l" or ""):gsub("^\xef\xbb\xbf", ""):gsub("\r$", "") -- what editors add is none of it
    if secret == "" then error { usage = "tenant-secret --set expects the secret on standard input" } end
  end
  local hooks <close> = out:open()
  out:item({ tenant = tenant, secret = out.check(hooks:tenant_secret(tenant, secret)) }, { "secret" })
end

return tenant_secret
