# The one image: web, worker and beat are the same program with another argument.
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --requirement requirements.txt

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    UNABRIDGED_DATA_DIR=/data UNABRIDGED_HOST=0.0.0.0
# unar unpacks compressed rar archives; what is only stored in one, zip and 7z need no program.
RUN apt-get update && apt-get install --yes --no-install-recommends unar && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 1000 --create-home unabridged && mkdir /data && chown unabridged /data
WORKDIR /app
COPY --from=build /venv /venv
COPY --chown=unabridged . .
RUN UNABRIDGED_DATA_DIR=/tmp/build python manage.py collectstatic --noinput -v0 && rm -rf /tmp/build
USER unabridged
VOLUME /data
EXPOSE 8788
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8788/health/live', timeout=4)"
ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "--first-run", "--no-demo"]
