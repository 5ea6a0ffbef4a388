"""What people were told, in the admin."""

from django.contrib import admin

from acquisition.models import Notification
from config.admin_base import RecordAdmin
from config.admin_site import BEHIND, site


@admin.register(Notification, site=site)
class NotificationAdmin(RecordAdmin):
    section, order = BEHIND, 85
    list_display = ("title", "event", "status", "attempts", "created_at", "sent_at", "last_error")
    list_filter = ("event", "status")
    search_fields = ("title", "body")
    date_hierarchy = "created_at"
    fields = ("title", "body", "event", "status", "attempts", "next_try_at", "last_error", "created_at", "sent_at")
