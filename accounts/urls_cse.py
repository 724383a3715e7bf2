from django.urls import URLPattern

app_name = "cse"
urlpatterns: list[URLPattern] = []
