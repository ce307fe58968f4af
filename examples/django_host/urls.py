"""The addresses of the project."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from .mis import views

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("schools/<int:urn>/data-sharing/", views.school, name="school"),
    path("schools/<int:urn>/data-sharing/accept/", views.accept, name="accept"),
    path("schools/<int:urn>/data-sharing/decline/", views.decline, name="decline"),
    path("trust/", views.trust, name="trust"),
    path("trust/ask/", views.ask, name="ask"),
    path("trust/remind/", views.remind, name="remind"),
    path("trust/schools/<int:urn>/", views.live_data, name="live_data"),
    path("admin/", admin.site.urls),
]
