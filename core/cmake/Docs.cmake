# The documentation, installed as the tree has it, so that its links lead somewhere there, too: the pages, and
# what they link to.
set(WEBHOOK_DOC ${CMAKE_INSTALL_DOCDIR} CACHE STRING "Where the documentation goes")
file(GLOB core_pages CONFIGURE_DEPENDS core/docs/*.md)
file(GLOB lua_pages CONFIGURE_DEPENDS lua/docs/*.md)
file(GLOB public_headers CONFIGURE_DEPENDS core/include/*.h)
install(FILES README.md DESTINATION ${WEBHOOK_DOC})
install(FILES ${core_pages} DESTINATION ${WEBHOOK_DOC}/core/docs)
install(FILES ${lua_pages} DESTINATION ${WEBHOOK_DOC}/lua/docs)
install(FILES ${public_headers} DESTINATION ${WEBHOOK_DOC}/core/include)
install(FILES lua/rule/webhook_rule.h DESTINATION ${WEBHOOK_DOC}/lua/rule)
install(FILES lua/webhook/init.lua lua/webhook/receiver.lua lua/webhook/http.lua DESTINATION ${WEBHOOK_DOC}/lua/webhook)
install(DIRECTORY examples DESTINATION ${WEBHOOK_DOC})
