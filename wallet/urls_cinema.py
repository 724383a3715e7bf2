from django.urls import path

from wallet.views import programme

app_name = "cinema"

urlpatterns = [path("", programme.programme_page, name="programme")]
