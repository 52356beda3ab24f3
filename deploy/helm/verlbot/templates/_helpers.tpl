{{- define "verlbot.labels" -}}
app.kubernetes.io/name: verlbot
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "verlbot.redisLabels" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "verlbot.name" -}}
{{- if contains "verlbot" .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-verlbot" .Release.Name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end -}}
