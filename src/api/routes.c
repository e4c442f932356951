#include "api/app.h"

const struct route *const api_routes[] = {
    chat_routes,   conversation_routes, document_routes, search_routes, event_routes,
    tenant_routes, apikey_routes,       turn_routes,     widget_routes, visitor_routes,
    socket_routes, platform_routes,     page_routes,     NULL,
};
