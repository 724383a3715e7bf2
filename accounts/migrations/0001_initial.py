import accounts.models
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Organisation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, unique=True, verbose_name='nom')),
                ('slug', models.SlugField(unique=True, verbose_name='identifiant')),
                ('contact_email', models.EmailField(blank=True, max_length=254, verbose_name='e-mail de contact')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
            ],
            options={
                'verbose_name': 'CSE',
                'verbose_name_plural': 'CSE',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='adresse e-mail')),
                ('title', models.CharField(blank=True, choices=[('mrs', 'Mme'), ('mr', 'M.')], max_length=3, verbose_name='civilité')),
                ('first_name', models.CharField(blank=True, max_length=80, verbose_name='prénom')),
                ('last_name', models.CharField(blank=True, max_length=80, verbose_name='nom')),
                ('phone', models.CharField(blank=True, db_index=True, max_length=16, verbose_name='téléphone mobile')),
                ('birth_date', models.DateField(blank=True, null=True, verbose_name='date de naissance')),
                ('address_line1', models.CharField(blank=True, max_length=120, verbose_name='adresse')),
                ('address_line2', models.CharField(blank=True, max_length=120, verbose_name="complément d'adresse")),
                ('postal_code', models.CharField(blank=True, max_length=12, verbose_name='code postal')),
                ('city', models.CharField(blank=True, max_length=80, verbose_name='ville')),
                ('country', models.CharField(blank=True, default='FR', max_length=2, verbose_name='pays (code ISO)')),
                ('language', models.CharField(default='fr', max_length=5, verbose_name='langue')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'personne',
                'verbose_name_plural': 'personnes',
            },
            managers=[
                ('objects', accounts.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='DetailChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('field', models.CharField(max_length=40, verbose_name='champ')),
                ('before', models.CharField(blank=True, max_length=80, verbose_name='avant')),
                ('after', models.CharField(blank=True, max_length=80, verbose_name='après')),
                ('reason', models.CharField(max_length=300, verbose_name='motif')),
                ('at', models.DateTimeField(verbose_name='le')),
                ('actor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='par')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='detail_changes', to=settings.AUTH_USER_MODEL, verbose_name='personne')),
            ],
            options={
                'verbose_name': "correction d'une coordonnée",
                'verbose_name_plural': 'corrections de coordonnées',
            },
        ),
        migrations.CreateModel(
            name='IdentificationKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=40, unique=True, verbose_name='clé')),
                ('use_limit', models.PositiveIntegerField(blank=True, null=True, verbose_name="nombre d'utilisations")),
                ('uses', models.PositiveIntegerField(default=0, verbose_name='utilisations')),
                ('expires_on', models.DateField(blank=True, null=True, verbose_name='dernier jour')),
                ('auto_approve', models.BooleanField(default=False, verbose_name='valide aussitôt')),
                ('revoked_at', models.DateTimeField(blank=True, null=True, verbose_name='révoquée le')),
                ('batch', models.CharField(blank=True, max_length=60, verbose_name='lot')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='créée le')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='créée par')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='accounts.organisation', verbose_name='CSE')),
            ],
            options={
                'verbose_name': "clé d'identification",
                'verbose_name_plural': "clés d'identification",
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('pending', 'À valider'), ('approved', 'Validée'), ('refused', 'Refusée'), ('suspended', 'Suspendue'), ('left', 'Terminée')], default='pending', max_length=10, verbose_name='état')),
                ('requested_at', models.DateTimeField(verbose_name='reçue le')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='décidée le')),
                ('reason', models.CharField(blank=True, max_length=500, verbose_name='motif')),
                ('key', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='accounts.identificationkey', verbose_name='clé')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to=settings.AUTH_USER_MODEL, verbose_name='personne')),
                ('organisation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='accounts.organisation', verbose_name='CSE')),
            ],
            options={
                'verbose_name': 'adhésion',
                'verbose_name_plural': 'adhésions',
            },
        ),
        migrations.CreateModel(
            name='MembershipEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='le')),
                ('from_state', models.CharField(blank=True, choices=[('pending', 'À valider'), ('approved', 'Validée'), ('refused', 'Refusée'), ('suspended', 'Suspendue'), ('left', 'Terminée')], max_length=10, verbose_name='de')),
                ('to_state', models.CharField(choices=[('pending', 'À valider'), ('approved', 'Validée'), ('refused', 'Refusée'), ('suspended', 'Suspendue'), ('left', 'Terminée')], max_length=10, verbose_name='à')),
                ('reason', models.CharField(blank=True, max_length=500, verbose_name='motif')),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='par')),
                ('membership', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='accounts.membership', verbose_name='adhésion')),
                ('organisation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.organisation', verbose_name='CSE')),
            ],
            options={
                'verbose_name': "événement d'adhésion",
                'verbose_name_plural': "événements d'adhésion",
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Site',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, verbose_name='nom')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sites', to='accounts.organisation')),
            ],
            options={
                'verbose_name': 'site',
                'verbose_name_plural': 'sites',
                'ordering': ['name'],
            },
        ),
        migrations.AddField(
            model_name='membership',
            name='site',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.site', verbose_name='site'),
        ),
        migrations.AddField(
            model_name='identificationkey',
            name='site',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.site', verbose_name='site'),
        ),
        migrations.CreateModel(
            name='StaffRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='staff_roles', to='accounts.organisation', verbose_name='CSE')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='staff_roles', to=settings.AUTH_USER_MODEL, verbose_name='personne')),
            ],
            options={
                'verbose_name': 'rôle de gestionnaire',
                'verbose_name_plural': 'rôles de gestionnaire',
            },
        ),
        migrations.CreateModel(
            name='TermsConsent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(verbose_name='version')),
                ('accepted_at', models.DateTimeField(verbose_name='acceptée le')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='consents', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': "acceptation des conditions d'utilisation",
                'verbose_name_plural': "acceptations des conditions d'utilisation",
            },
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_unique_whatever_case'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('phone', ''), ('phone__startswith', '+'), _connector='OR'), name='user_phone_is_e164'),
        ),
        migrations.AddConstraint(
            model_name='detailchange',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='detail_change_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='site',
            constraint=models.UniqueConstraint(fields=('organisation', 'name'), name='site_name_unique_in_cse'),
        ),
        migrations.AddIndex(
            model_name='membership',
            index=models.Index(fields=['organisation', 'state', 'requested_at', 'id'], name='membership_queue'),
        ),
        migrations.AddIndex(
            model_name='membership',
            index=models.Index(fields=['user', '-id'], name='membership_latest'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'approved', 'refused', 'suspended', 'left'])), name='membership_state_known'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('organisation__isnull', False), models.Q(('state__in', ['approved', 'suspended']), _negated=True), _connector='OR'), name='approved_membership_has_a_cse'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['pending', 'approved', 'suspended'])), fields=('user',), name='one_open_membership_per_person'),
        ),
        migrations.AddConstraint(
            model_name='identificationkey',
            constraint=models.CheckConstraint(condition=models.Q(('use_limit__isnull', True), ('uses__lte', models.F('use_limit')), _connector='OR'), name='key_uses_within_limit'),
        ),
        migrations.AddConstraint(
            model_name='identificationkey',
            constraint=models.CheckConstraint(condition=models.Q(('code__in', ['', '0']), _negated=True), name='key_code_is_a_code'),
        ),
        migrations.AddConstraint(
            model_name='staffrole',
            constraint=models.UniqueConstraint(fields=('user', 'organisation'), name='one_staff_role_per_cse'),
        ),
        migrations.AddConstraint(
            model_name='termsconsent',
            constraint=models.UniqueConstraint(fields=('user', 'version'), name='one_consent_per_version'),
        ),
    ]
